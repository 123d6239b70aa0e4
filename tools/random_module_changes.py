"""Random modules put through random changes, beside PyTorch: hooks, parametrizations, norms of
weights, pruning, fusing, copies, dtypes, state dicts, moved and shared parameters, utilities.

    python tools/random_module_changes.py --seconds 60 --seed 1 [--filter REGEX]

Each text is a module and a list of lines; what each line gives is compared, and at the end the
outputs, gradients, state dict and printed form. Needs PyTorch.
"""

from __future__ import annotations

import copy
import importlib
import io
import pickle
import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparing import Make, attempt, gradients, main, names

# a module, the shape of its input, and where its weights are
MODULES: list[tuple[str, tuple[int, ...]]] = [
    ("nn.Linear(3, 2)", (4, 3)), ("nn.Linear(3, 3, bias=False)", (2, 3)),
    ("nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))", (2, 3)),
    ("nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU())", (2, 2, 4, 4)),
    ("nn.Sequential(nn.Conv1d(2, 2, 2), nn.BatchNorm1d(2, affine=False))", (2, 2, 5)),
    ("nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh())", (4, 3)),
    ("nn.Sequential(nn.ConvTranspose2d(2, 3, 2, bias=False), nn.BatchNorm2d(3))", (1, 2, 3, 3)),
    ("nn.LSTM(3, 2, batch_first=True)", (2, 4, 3)), ("nn.GRU(3, 2, 2, dropout=0.5)", (2, 4, 3)),
    ("nn.RNN(3, 3, bidirectional=True)", (2, 3, 3)), ("nn.ModuleDict({'a': nn.Linear(3, 2)})['a']",
                                                      (1, 3)),
    ("nn.TransformerEncoderLayer(4, 2, 5, dropout=0.)", (2, 3, 4)), ("nn.LayerNorm(3)", (2, 3)),
    ("nn.PReLU(3)", (2, 3)),
    ("nn.Sequential(nn.Sequential(nn.Linear(3, 3)), nn.Dropout(0.5), nn.Linear(3, 3))", (2, 3)),
    ("nn.InstanceNorm1d(3, affine=True, track_running_stats=True)", (2, 3, 4)),
    ("nn.Sequential(nn.Embedding(5, 3, max_norm=1.), nn.Flatten(), nn.Linear(6, 2))", (2, 2)),
]  # fmt: skip
# {p} a part of the module (m or m[0]), {w} the name of one of its parameters
CHANGES = [
    "has({p}, {w}) and N.weight_norm({p}, {w}) and 1",
    "has({p}, {w}) and N.weight_norm({p}, {w}, dim={d}) and 1",
    "has({p}, {w}) and N.remove_weight_norm({p}, {w}) and 1",
    "has({p}, {w}) and N.spectral_norm({p}, {w}, {k}) and 1",
    "has({p}, {w}) and N.remove_spectral_norm({p}, {w}) and 1",
    "has({p}, {w}) and P.weight_norm({p}, {w}, {d}) and 1",
    "has({p}, {w}) and P.spectral_norm({p}, {w}, {k}) and 1",
    "has({p}, {w}) and P.orthogonal({p}, {w}) and 1",
    "has({p}, {w}) and P.orthogonal({p}, {w}, 'cayley', use_trivialization=False) and 1",
    "has({p}, {w}) and Z.register_parametrization({p}, {w}, Double()) and 1",
    "Z.is_parametrized({p}, {w})",
    "has({p}, {w}) and Z.register_parametrization({p}, {w}, Double(), unsafe=True) and 1",
    "has({p}, {w}) and Z.register_parametrization({p}, {w}, Symmetric()) and 1",
    "Z.remove_parametrizations({p}, {w}, leave_parametrized={b}) and 1",
    "setattr({p}, 'weight', nn.Parameter({p}.weight.detach() * 2))",
    "Z.type_before_parametrizations({p}).__name__",
    "Z.transfer_parametrizations_and_params({p}, copy.deepcopy({p})) and 1",
    "has({p}, {w}) and R.l1_unstructured({p}, {w}, {a}) and 1",
    "has({p}, {w}) and R.random_unstructured({p}, {w}, {a}) and 1",
    "has({p}, {w}, 2) and R.ln_structured({p}, {w}, {a}, n=2, dim={i}) and 1",
    "has({p}, {w}) and R.identity({p}, {w}) and 1",
    "has({p}, {w}, 2) and R.random_structured({p}, {w}, 1, dim={i}) and 1",
    "has({p}, {w}) and R.remove({p}, {w}) and 1", "R.is_pruned(m)",
    "has({p}, {w}) and R.custom_from_mask({p}, {w}, getattr({p}, {w}) > 0) and 1",
    "R.global_unstructured([({p}, {w})], R.L1Unstructured, amount={a})",
    "N.fusion.fuse_conv_bn_eval(m[0], m[1])(x)", "N.fusion.fuse_linear_bn_eval(m[0], m[1])(x)",
    "hook({p}.register_forward_hook(lambda m, a, y: seen.append(sum(1 for _ in a))))",
    "hook({p}.register_forward_hook(lambda m, a, y: y * 2 if T.is_tensor(y) else None))",
    "hook({p}.register_forward_hook(lambda m, a, k, y: seen.append(list(k)), with_kwargs=True))",
    "hook({p}.register_forward_pre_hook(lambda m, a: (a[0] * 1,), prepend={b}))",
    "hook({p}.register_full_backward_hook(lambda m, i, o: seen.append(o)))",
    "hook({p}.register_full_backward_hook(lambda m, i, o: doubled(i)))",
    "hook({p}.register_full_backward_pre_hook(lambda m, o: doubled(o)))",
    "hook({p}.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(prefix)))",
    "hook({p}.register_state_dict_post_hook(lambda m, d, prefix, x: seen.append(prefix)))",
    "hook({p}.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear()))",
    "bool(hooks) and hooks.pop().remove()", "m.train({b}) and 1", "m.eval() and 1",
    "m.double() and 1",
    "m.to(T.float64) and 1", "m.float() and 1", "m.half().float() and 1",
    "m.requires_grad_({b}) and 1", "{p}.weight.requires_grad_(False) and 1", "m.zero_grad()",
    "m.apply(lambda m: seen.append(type(m).__name__)) and 1", "renew(copy.deepcopy(m))",
    "renew(copy.copy(m))", "renew(pickle.loads(pickle.dumps(m)))", "renew(filed(m))",
    "m.load_state_dict(copy.deepcopy(m.state_dict()))", "m.load_state_dict({{}}, strict=False)",
    "m.load_state_dict({{k: v + v for k, v in m.state_dict().items()}}, assign={b})",
    "m.load_state_dict({{'a': T.ones(1)}}, strict={b})",
    "m.load_state_dict({{k: v[None] for k, v in m.state_dict().items()}})",
    "m.state_dict(prefix='a.', keep_vars={b})", "dict(m.named_parameters('m', recurse={b}))",
    "dict(m.named_buffers(remove_duplicate={b}))", "[k for k, _ in m.named_modules()]",
    "[k for k, _ in m.named_children()]",
    "{p}.register_buffer('extra', T.ones(2), persistent={b})",
    "{p}.register_parameter('more', nn.Parameter(T.ones(2)))",
    "{p}.register_buffer('weight', T.ones(2))", "{p}.register_parameter('bias', None)",
    "{p}.register_module('child', nn.Linear(1, 1))",
    "{p}.add_module('a.b', nn.ReLU())",
    "setattr({p}, 'weight', T.ones(2))",
    "delattr({p}, 'bias')", "setattr({p}, 'own', nn.ReLU())", "m.append(nn.Tanh()) and 1",
    "m.insert(1, nn.Identity()) and 1",
    "m.pop(0) and 1", "m.extend([nn.Tanh()]) and 1", "setattr(m[-1], 'weight', m[0].weight)",
    "(m + m)(x)", "m[:1](x)", "len(m)",
    "m.get_submodule('0')", "m.get_parameter('0.weight')", "m.get_buffer('1.running_mean')",
    "m.get_parameter('weight')",
    "m.set_submodule('0', nn.Identity())", "m.get_extra_state()", "m.compile is not None",
    "m.share_memory() and 1",
    "(backward(), N.clip_grad_norm_(m.parameters(), 0.5, {o}))",
    "(backward(), N.clip_grad_value_(m.parameters(), 0.1))",
    "(backward(), N.get_total_norm([p.grad for p in m.parameters() if p.grad is not None], {o}))",
    "N.parameters_to_vector(m.parameters())",
    "N.vector_to_parameters(N.parameters_to_vector(m.parameters()).flip(0), m.parameters())",
    "T.func.functional_call(m, dict(m.named_parameters()), (x,))",
    "T.func.functional_call(m, {{k: v * 0 for k, v in m.named_parameters()}}, (x,))",
    "N.stateless.functional_call(m, {{'nothing': T.ones(1)}}, (x,))",
    "N.skip_init(nn.Linear, 2, 3).weight.shape",
    "backward()", "m.reset_parameters()",
    "Q.pack_padded_sequence(x, {l}, batch_first={b}, enforce_sorted={e})",
    "Q.pad_packed_sequence(Q.pack_padded_sequence(x, {l}, True, {e}), True, 1.5, {t})",
    "isinstance(m, nn.RNNBase) and m(Q.pack_padded_sequence(x, {l}, True, False))",
    "Q.pad_sequence([x[0], x[-1][:1]], {b}, 0.5)",
    "Q.pack_sequence([x[0], x[-1][:1]])", "Q.unpad_sequence(x.clone(), t({l}), {b})",
    "Q.unpack_sequence(Q.pack_sequence([x[0]]))",
    "T.optim.swa_utils.AveragedModel(m)(x)", "nn.utils.parametrize.cached().__enter__()",
]  # fmt: skip


def filled(rng: random.Random, text: str, nested: bool, recurrent: bool) -> str:
    w = rng.choice(["'weight'"] * 5 + ["'bias'", "'nothing'"])
    if recurrent:
        w = rng.choice(["'weight_hh_l0'", "'weight_ih_l0'", "'bias_ih_l0'"])
    return text.format(
        p=rng.choice(["m[0]", "m[0]", "m[-1]", "m[1]", "m"] if nested else ["m"]), w=w,
        d=rng.choice([0, 1, -1, None]), i=rng.choice([0, 1, -1]), k=rng.choice([1, 2, 5]),
        a=rng.choice([0.3, 1, 0.5, 0]),
        b=rng.random() < 0.5, o=rng.choice(["2.0", "1", "float('inf')", "0.5"]),
        l=rng.choice(["[2, 1]", "[1, 2]", "[1, 1]", "[0, 1]"]), e=rng.random() < 0.5,
        t=rng.choice(["None", "5", "1"]),
    )  # fmt: skip


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and C: what a module gives that is changed line by line."""
    nn, utils = T.nn, T.nn.utils
    prune = importlib.import_module(f"{T.__name__}.nn.utils.prune")

    class Double(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x * 2

        def right_inverse(self, x: Any) -> Any:
            return x / 2

    class Symmetric(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).mT

    def changed(text: str, shape: tuple[int, ...], lines: list[str], train: bool) -> Any:
        T.manual_seed(1)
        space: dict[str, Any] = {
            **names(T), "nn": nn, "N": utils, "P": utils.parametrizations, "Z": utils.parametrize,
            "R": prune, "Q": utils.rnn, "copy": copy, "pickle": pickle, "Double": Double,
            "Symmetric": Symmetric,
        }  # fmt: skip
        m = eval(text, space).train(train)
        x = T.rand(shape) if "Embedding" not in text else T.randint(0, 5, shape)
        seen: list[Any] = []
        hooks: list[Any] = []

        def has(part: Any, name: str, dims: int = 0) -> bool:
            """Whether there is such a parameter, or none of the name, which is refused."""
            value = getattr(part, name, 0)
            return value is not None and (not isinstance(value, T.Tensor) or value.dim() >= dims)

        def doubled(grads: Any) -> Any:
            return tuple([g if g is None else g * 2 for g in grads])

        def renew(other: Any) -> None:
            space["m"] = other

        def filed(m: Any) -> Any:
            file = io.BytesIO()
            T.save(m, file)
            return T.load(io.BytesIO(file.getvalue()), weights_only=False)

        def outputs() -> tuple[list[Any], list[Any]]:
            m = space["m"]
            given = x
            floats = [p for p in m.parameters() if p.is_floating_point()]
            if floats and x.is_floating_point():
                given = x.to(floats[0].dtype)
            y = m(given)
            parts = [*y] if isinstance(y, tuple) else [y]
            return [p for p in parts if isinstance(p, T.Tensor)], [*m.parameters()]

        def backward() -> None:
            outs, params = outputs()
            for p, g in zip(params, gradients(T, outs, params)):
                p.grad = g

        def whole() -> Any:
            outs, params = outputs()
            return outs, gradients(T, outs, [p for p in params if p.requires_grad])

        space.update(m=m, x=x, has=has, seen=seen, renew=renew, filed=filed, backward=backward,
                     doubled=doubled, hooks=hooks, hook=hooks.append)  # fmt: skip
        found = [attempt(lambda line=line: eval(line, space)) for line in lines]
        last = attempt(whole)
        m = space["m"]
        flags = [(k, p.requires_grad, p.is_leaf, str(p.dtype)) for k, p in m.named_parameters()]
        return found, last, attempt(m.state_dict), flags, seen, repr(m), T.rand(1)

    return {**names(T), "C": changed}


def maker(pattern: str) -> Make:
    def make(rng: random.Random) -> tuple[str, str] | None:
        text, shape = rng.choice(MODULES)
        recurrent = bool(re.match(r"nn\.(LSTM|GRU|RNN)", text))
        lines = [
            filled(rng, rng.choice(CHANGES), "Sequential" in text, recurrent)
            for _ in range(rng.choice([1, 2, 3, 5]))
        ]
        if not re.search(pattern, text + " ".join(lines)):
            return None
        return "changes", f"C({text!r}, {shape}, {lines!r}, {rng.random() < 0.6})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
