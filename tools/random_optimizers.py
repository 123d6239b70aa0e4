"""Random optimizers with schedulers, param groups and flags, saved and resumed half-way, beside
PyTorch: parameters, state dicts, learning rates and errors.

    python tools/random_optimizers.py --seconds 60 --seed 1 [--filter REGEX]

Needs PyTorch.
"""

from __future__ import annotations

import copy
import io
import pickle
import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from comparing import Make, builtin, main, names

LR = ["0.1", "0.01", "T.tensor(0.1)", "0", "-1", "T.tensor([0.1])", "1"]
DECAY = ["0.1", "0.5", "0"]
BETAS = ["(0.5, 0.9)", "(0.0, 0.5)", "(0.9, 0.9)", "(0.9, 1.0)", "[0.8, 0.7]"]
EPS = ["1e-3", "0", "0.5", "-1"]
# name -> keyword -> texts; on top of those that nearly all have
COMMON = {
    "lr": LR, "weight_decay": DECAY, "maximize": ["True"], "foreach": ["True", "False"],
    "differentiable": ["True"], "capturable": ["True"],
}  # fmt: skip
OPTIMIZERS: dict[str, dict[str, list[str]]] = {
    "SGD": {"momentum": ["0.9", "0.5"], "dampening": ["0.5"], "nesterov": ["True"],
            "fused": ["True"]},
    "Adam": {"betas": BETAS, "eps": EPS, "amsgrad": ["True"], "fused": ["True"],
             "decoupled_weight_decay": ["True"]},
    "AdamW": {"betas": BETAS, "eps": EPS, "amsgrad": ["True"], "fused": ["True"]},
    "NAdam": {"betas": BETAS, "eps": EPS, "momentum_decay": ["0.1", "0"],
              "decoupled_weight_decay": ["True"]},
    "RAdam": {"betas": BETAS, "eps": EPS, "decoupled_weight_decay": ["True"]},
    "Adamax": {"betas": BETAS, "eps": EPS}, "Adadelta": {"rho": ["0.5", "0", "2"], "eps": EPS},
    "Adagrad": {"lr_decay": ["0.1", "1"], "initial_accumulator_value": ["0.1", "1"], "eps": EPS,
                "fused": ["True"]},
    "RMSprop": {"alpha": ["0.5", "0.9"], "momentum": ["0.9"], "centered": ["True"], "eps": EPS},
    "Rprop": {"etas": ["(0.5, 1.5)", "(0.9, 1.1)"], "step_sizes": ["(1e-3, 0.2)"]},
    "ASGD": {"lambd": ["0.1"], "alpha": ["0.5"], "t0": ["2", "0"]},
    "Adafactor": {"beta2_decay": ["-0.5", "-1"], "eps": ["(None, 1e-2)", "(1e-3, 0.5)"],
                  "d": ["0.5", "2"]},
    "SparseAdam": {"betas": BETAS, "eps": EPS}, "LBFGS": {
        "max_iter": ["1", "3"], "max_eval": ["2"], "history_size": ["2"],
        "line_search_fn": ["'strong_wolfe'"], "tolerance_grad": ["0.5"],
        "tolerance_change": ["0.1"]},
    "Muon": {"momentum": ["0.5"], "nesterov": ["False"], "ns_steps": ["2"], "eps": ["1e-3"],
             "adjust_lr_fn": ["'match_rms_adamw'", "'original'"]},
}  # fmt: skip
SIMPLE = [
    "StepLR(o, {i}, gamma=0.5)", "MultiStepLR(o, [1, {i}, {i}, 4], 0.3)", "ExponentialLR(o, 0.9)",
    "LambdaLR(o, lambda e: 0.9 ** e)", "MultiplicativeLR(o, lambda e: 0.9)",
    "ConstantLR(o, 0.5, {i})", "LinearLR(o, 0.3, 1.5, {i})", "PolynomialLR(o, {i}, power={k})",
    "CosineAnnealingLR(o, {i}, eta_min=0.01)",
    "LambdaLR(o, [lambda e: 1 / (e + 1)] * len(o.param_groups))",
    "CosineAnnealingWarmRestarts(o, {i}, T_mult={k}, eta_min=0.02)", "LinearLR(o)", "ConstantLR(o)",
]  # fmt: skip
WHOLE = [
    "CyclicLR(o, 0.01, 0.5, step_size_up={i}, step_size_down={k}, mode='triangular2')",
    "CyclicLR(o, 0.01, [0.5] * len(o.param_groups), mode='exp_range', gamma=0.9)",
    "CyclicLR(o, 0.01, 0.5, {i}, scale_fn=lambda x: 0.8 ** x, scale_mode='iterations')",
    "OneCycleLR(o, 0.5, total_steps={i} + 7, three_phase={b}, anneal_strategy='linear')",
    "OneCycleLR(o, 0.5, epochs=3, steps_per_epoch={i} + 1, pct_start=0.4, cycle_momentum={b})",
    "ReduceLROnPlateau(o, patience={k} - 1, factor=0.3, cooldown=1)",
    "ReduceLROnPlateau(o, 'max', 0.5, 0, threshold=0.1, threshold_mode='abs', min_lr=0.01)",
    "ReduceLROnPlateau(o, patience=0, min_lr=[0.02] * len(o.param_groups), eps=0.001)",
    "SequentialLR(o, [S.{s}, S.{t}], [{i}])", "ChainedScheduler([S.{s}, S.{t}])",
    "SequentialLR(o, [S.{s}, S.{t}, S.ExponentialLR(o, 0.7)], [{k}, {i} + 2])",
    "SWALR(o, 0.05, anneal_epochs={i}, anneal_strategy='linear')", "SWALR(o, [0.05])",
]  # fmt: skip
BETWEEN = [
    "o.param_groups[0].update(lr=0.05)", "o.zero_grad()", "o.zero_grad(set_to_none=False)",
    "o.add_param_group({'params': [extra]})", "o.add_param_group({'params': extra, 'lr': 0.3})",
    "copy.deepcopy(o.state_dict())", "s.get_last_lr()", "s.step()", "s.step({i})", "o.step()",
    "resume('new')", "resume('file')", "resume('pickle')", "resume('self')", "resume('later')",
    "o.load_state_dict({'state': {}, 'param_groups': []})", "repr(o)", "o.state.clear()",
    "o.register_step_pre_hook(lambda o, args, kwargs: seen.append('pre')) and None",
    "o.register_step_post_hook(lambda o, args, kwargs: seen.append(len(o.state))) and None",
    "o.register_state_dict_post_hook(lambda o, d: d.update(more=1)) and None",
    "params[0].mul_(0.5)",
    "setattr(params[0], 'requires_grad', False)", "copy.deepcopy(o).param_groups[0]['lr']",
    "pickle.loads(pickle.dumps(o)).state_dict()", "s.state_dict()", "o.param_groups[-1].pop('lr')",
]  # fmt: skip


def words(rng: random.Random, name: str) -> list[str]:
    """Texts of an optimizer's keywords."""
    found = {}
    for key, texts in {**COMMON, **OPTIMIZERS[name]}.items():
        rare = 0.06 if key in ("differentiable", "capturable") else 0.3
        if name in ("SparseAdam", "LBFGS", "Muon", "Adafactor") and key in COMMON:
            rare = 0.4 if key == "lr" else 0.05
        if rng.random() < rare:
            odd = rng.random() < 0.1
            found[key] = rng.choice(texts if odd else [x for x in texts if "-1" not in x[:2]][:3])
    if name == "Adafactor" and "beta2_decay" not in found:
        found["lr"] = "0.1"
    return [f"{k}={v}" for k, v in found.items()]


def schedule(rng: random.Random) -> str:
    def simple() -> str:
        return rng.choice(SIMPLE).format(i=rng.choice([1, 2, 3, 5]), k=rng.choice([1, 2]))

    if rng.random() < 0.35:
        return simple()
    return rng.choice(WHOLE).format(
        i=rng.choice([1, 2, 3, 5]), k=rng.choice([1, 2]), b=rng.random() < 0.5,
        s=simple(), t=simple(),
    )  # fmt: skip


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and O: what a run of an optimizer gives."""

    def run(
        name: str, words: list[str], shapes: list[Any], kind: str, groups: list[str], plan: str,
        lines: list[str], steps: int,
    ) -> Any:  # fmt: skip
        rng, S = np.random.default_rng(0), T.optim.lr_scheduler
        made = [T.tensor(rng.standard_normal(s)).to(getattr(T, kind)) for s in (*shapes, (2,))]
        if name == "Muon":
            made = [x.reshape(-1, x.shape[-1] if x.dim() else 1) for x in made]
        *params, extra = [T.nn.Parameter(x) for x in made]
        seen: list[Any] = []
        space = {**names(T), "S": S, "params": params, "extra": extra, "seen": seen, "copy": copy,
                 "pickle": pickle}  # fmt: skip

        def start() -> Any:
            given = [eval(g, {**space, "p": p}) for g, p in zip(groups, params)] or params
            given += [{"params": p} for p in params[len(groups) :]] if groups else []
            return eval(f"T.optim.{name}(given, {', '.join(words)})", {**space, "given": given})

        def resume(how: str) -> None:
            o, s = space["o"], space["s"]
            theirs = (o.state_dict(), s.state_dict() if s else None)
            if how == "file":
                file = io.BytesIO()
                T.save(theirs, file)
                theirs = T.load(io.BytesIO(file.getvalue()), weights_only=False)
            if how == "pickle":
                theirs = pickle.loads(pickle.dumps(theirs))
            if how != "self":
                o = space["o"] = start()
                if how == "later":
                    o.load_state_dict(theirs[0])
                if s:
                    s = space["s"] = eval(f"S.{plan}", space)
            if how != "later":
                o.load_state_dict(theirs[0])
            if s:
                s.load_state_dict(theirs[1])

        def closure() -> Any:
            loss, every = 0, [*params, extra]
            for i, p in enumerate(every):
                w = T.tensor(np.random.default_rng(i).uniform(0.5, 2, tuple(p.shape)))
                loss = loss + (w * p.double() ** 2 / 2 - p.double().cos()).sum()
            grads = T.autograd.grad(loss, every, allow_unused=True)
            for i, (p, g) in enumerate(zip(every, grads)):
                if p.requires_grad and (i + 1) % (len(found) + 2):
                    p.grad = g.to_sparse() if name == "SparseAdam" and g.dim() else g
            return loss.detach()

        space["resume"], found = resume, []
        o = space["o"] = start()
        s = space["s"] = eval(f"S.{plan}", space) if plan else None
        for i in range(steps):
            with T.enable_grad():
                loss = closure()
                given = space["o"].step(closure) if i % 2 or name == "LBFGS" else space["o"].step()
            found.append(given)
            if plan:
                space["s"].step(*([float(loss)] if "Plateau" in plan else []))
            if i < len(lines):
                try:
                    with T.no_grad():
                        found.append(eval(lines[i], space))
                except Exception as error:
                    found.append(builtin(error).__name__)
            found.append([g.get("lr") for g in space["o"].param_groups])
        o, s = space["o"], space["s"]
        hidden = ("_schedulers", "lr_lambdas")  # functions and schedulers print by their address
        rates = {k: v for k, v in sorted(s.state_dict().items()) if k not in hidden} if s else None
        state = o.state_dict()
        for own in state["state"].values():
            own.pop("al", None)  # room that LBFGS works in
            own.update({k: float(own.pop(k)) if k == "t" else own.pop(k) for k in sorted(own)})
        return found, params, extra, state, rates, seen, repr(o)

    return {**names(T), "O": run}


def maker(pattern: str) -> Make:
    found = [name for name in OPTIMIZERS if re.search(pattern, name)]

    def make(rng: random.Random) -> tuple[str, str] | None:
        name = rng.choice(found)
        shapes = [
            rng.choice([(3,), (2, 3), (), (0,), (1, 4)]) for _ in range(rng.choice([1, 2, 3]))
        ]
        if name == "Adafactor":  # which divides by the number of elements
            shapes = [s for s in shapes if 0 not in s] or [(3,)]
        kind = rng.choice(["float64"] * 3 + ["float32"])
        groups = []
        if rng.random() < 0.35:
            for _ in range(rng.choice([1, 2])):
                own = [f"'{w.replace('=', chr(39) + ': ')}" for w in words(rng, name)[:2]]
                groups.append("{" + ", ".join(["'params': [p]", *own]) + "}")
        plan = schedule(rng) if rng.random() < 0.6 else ""
        lines = [
            rng.choice(BETWEEN).replace("{i}", rng.choice("014"))
            for _ in range(rng.choice([0, 1, 2, 4]))
        ]
        steps = rng.choice([1, 3, 5, 8])
        given = (name, words(rng, name), shapes, kind, groups, plan, lines, steps)
        return name, f"O({', '.join(map(repr, given))})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
