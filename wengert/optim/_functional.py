"""Optimizers as functions of lists: one step with parameters, gradients and state given.

What lives here: the functions that code with state of its own calls, `torch.optim.adam.adam` and
its relatives, made from the optimizers' rules. What does not: the rules (`adam.py` and the like).
"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any

from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .nadam import NAdam
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD

FLAGS = "foreach capturable differentiable fused grad_scale found_inf has_complex"
BUFFERS = "momentum_buffer_list:momentum_buffer"
# optimizer; lists of state as LIST:NAME OF THE STATE; flags in PyTorch's order; required options
FORMS: dict[str, tuple[Any, str, str, str]] = {
    "adadelta": (
        Adadelta, "square_avgs:square_avg acc_deltas:acc_delta state_steps:step",
        "capturable foreach differentiable has_complex", "lr rho eps weight_decay maximize",
    ),
    "adagrad": (
        Adagrad, "state_sums:sum state_steps:step",
        "fused grad_scale found_inf has_sparse_grad foreach differentiable has_complex",
        "lr weight_decay lr_decay eps maximize",
    ),
    "adam": (
        Adam,
        "exp_avgs:exp_avg exp_avg_sqs:exp_avg_sq max_exp_avg_sqs:max_exp_avg_sq state_steps:step",
        f"{FLAGS} decoupled_weight_decay", "amsgrad beta1 beta2 lr weight_decay eps maximize",
    ),
    "adamax": (
        Adamax, "exp_avgs:exp_avg exp_infs:exp_inf state_steps:step",
        "foreach maximize differentiable capturable has_complex",
        "eps beta1 beta2 lr weight_decay",
    ),
    "adamw": (
        AdamW,
        "exp_avgs:exp_avg exp_avg_sqs:exp_avg_sq max_exp_avg_sqs:max_exp_avg_sq state_steps:step",
        FLAGS,
        "amsgrad beta1 beta2 lr weight_decay eps maximize",
    ),
    "asgd": (
        ASGD, "axs:ax mus:mu etas:eta state_steps:step",
        "foreach maximize differentiable capturable has_complex",
        "lambd lr t0 alpha weight_decay",
    ),
    "nadam": (
        NAdam, "exp_avgs:exp_avg exp_avg_sqs:exp_avg_sq mu_products:mu_product state_steps:step",
        "decoupled_weight_decay foreach capturable differentiable has_complex maximize",
        "beta1 beta2 lr weight_decay momentum_decay eps",
    ),
    "radam": (
        RAdam, "exp_avgs:exp_avg exp_avg_sqs:exp_avg_sq state_steps:step",
        "decoupled_weight_decay foreach differentiable capturable has_complex maximize",
        "beta1 beta2 lr weight_decay eps",
    ),
    "rmsprop": (
        RMSprop,
        f"square_avgs:square_avg grad_avgs:grad_avg {BUFFERS} state_steps:step",
        "foreach maximize differentiable capturable has_complex",
        "lr alpha eps weight_decay momentum centered",
    ),
    "rprop": (
        Rprop, "prevs:prev step_sizes:step_size state_steps:step",
        "foreach capturable maximize differentiable has_complex",
        "step_size_min step_size_max etaminus etaplus",
    ),
    "sgd": (
        SGD, "momentum_buffer_list:momentum_buffer",
        "has_sparse_grad foreach fused grad_scale found_inf",
        "weight_decay momentum lr dampening nesterov maximize",
    ),
}  # fmt: skip
__all__ = list(FORMS)
PAIRS = {
    "betas": ("beta1", "beta2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
}
DOC = """One step of {kind}, in place, on parameters whose state the caller keeps.

params, {gradients}: the parameters and their gradients, of equal shapes. {lists}: the state, a list
of tensors for each, empty where the options need none. The options are those of {kind} and have no
defaults; flags are accepted as there. RuntimeError for grad_scale and found_inf: unscale before.
"""


def _form(name: str) -> Any:
    kind, lists, flags, options = FORMS[name]
    pairs = [pair.split(":") for pair in lists.split()]
    gradients = "d_p_list" if name == "sgd" else "grads"
    plain = Parameter.POSITIONAL_OR_KEYWORD
    off = {"foreach": None, "fused": None, "grad_scale": None, "found_inf": None}
    signature = Signature(
        [Parameter(n, plain) for n in ("params", gradients, *[n for n, _ in pairs])]
        + [Parameter(n, plain, default=off.get(n, False)) for n in flags.split()]
        + [Parameter(n, Parameter.KEYWORD_ONLY) for n in options.split()]
    )
    rule = kind.__new__(kind)

    def f(*args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as e:
            raise TypeError(f"{name}(): {e}") from None
        bound.apply_defaults()
        group = bound.arguments
        if group.get("grad_scale") is not None or group.get("found_inf") is not None:
            raise RuntimeError(f"{name}(): grad_scale and found_inf are not supported here")
        kept = {s: group[n] for n, s in pairs}
        params, grads = group["params"], group[gradients]
        for pair, (first, second) in PAIRS.items():
            if first in group:
                group[pair] = group[first], group[second]
        if name == "adamw":
            group["decoupled_weight_decay"] = True
        for i, (p, g) in enumerate(zip(params, grads)):
            state = {s: tensors[i] for s, tensors in kept.items() if len(tensors) > i}
            before = dict(state)
            rule._update_tensors(p, g, state, group)
            for s, old in before.items():
                if state[s] is not old:
                    kept[s][i] = state[s]

    f.__name__ = f.__qualname__ = name
    named = ", ".join([n for n, _ in pairs])
    f.__doc__ = DOC.format(kind=kind.__name__, gradients=gradients, lists=named)
    f.__signature__ = signature  # type: ignore[attr-defined]
    return f


globals().update({name: _form(name) for name in FORMS})
