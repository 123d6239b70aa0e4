"""nn.utils: clipping, vectors, parametrizations, pruning, fusion, stateless calls; nn.grad."""

import copy
import importlib
import warnings

import numpy as np
import pytest

import wengert


def numbers(lib, t):
    return None if t is None else t.detach().double().numpy()


def same(got, want, rtol=1e-5, atol=1e-6):
    assert len(got) == len(want)
    for i, (a, b) in enumerate(zip(got, want)):
        if isinstance(b, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=str(i))
        else:
            assert a == b, i


def seeded(lib, *shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return lib.from_numpy(x)


def clipping(lib):
    out = []
    for args in ((0.5,), (0.5, 1.0), (0.5, float("inf")), (100.0,), (0.5, 3.0)):
        lib.manual_seed(0)
        m = lib.nn.Linear(3, 4)
        m(seeded(lib, 2, 3)).square().sum().backward()
        out.append(numbers(lib, lib.nn.utils.clip_grad_norm_(m.parameters(), *args)))
        out += [numbers(lib, p.grad) for p in m.parameters()]
        lib.nn.utils.clip_grad_value_(m.parameters(), 0.01)
        out += [numbers(lib, p.grad) for p in m.parameters()]
    out.append(numbers(lib, lib.nn.utils.get_total_norm([])))
    return out


def vectors(lib):
    lib.manual_seed(0)
    m = lib.nn.Linear(3, 4)
    v = lib.nn.utils.parameters_to_vector(m.parameters())
    lib.nn.utils.vector_to_parameters(v * 2, m.parameters())
    return [numbers(lib, v), *[numbers(lib, p) for p in m.parameters()]]


def trained(lib, m, x, steps=3):
    """State and outputs over some steps of gradient descent."""
    out = [repr(m), [(k, tuple(v.shape)) for k, v in m.state_dict().items()]]
    for _ in range(steps):
        y = m(x)
        m.zero_grad()
        y.square().sum().backward()
        with lib.no_grad():
            for p in m.parameters():
                p -= 0.01 * p.grad
        out.append(numbers(lib, y))
    m.eval()
    return [*out, numbers(lib, m(x)), *[numbers(lib, v) for v in m.state_dict().values()]]


def weight_norms(lib):
    new, out = lib.nn.utils.parametrizations, []
    for dim in (0, 1, None):
        lib.manual_seed(0)
        m = new.weight_norm(lib.nn.Linear(3, 4), dim=dim)
        out += trained(lib, m, seeded(lib, 2, 3))
        lib.nn.utils.parametrize.remove_parametrizations(m, "weight")
        out += [repr(m), numbers(lib, m.weight)]
    lib.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m = lib.nn.utils.weight_norm(lib.nn.Conv1d(3, 4, 2))
    out += trained(lib, m, seeded(lib, 2, 3, 5))
    lib.nn.utils.remove_weight_norm(m)
    return [*out, numbers(lib, m.weight), [k for k, _ in m.named_parameters()]]


def spectral_norms(lib):
    lib.manual_seed(0)
    m = lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(3, 4))
    out = trained(lib, m, seeded(lib, 2, 3))
    lib.manual_seed(0)
    m = lib.nn.utils.spectral_norm(lib.nn.ConvTranspose1d(3, 4, 2), n_power_iterations=2)
    out += trained(lib, m, seeded(lib, 2, 3, 5))
    out.append(dict(m.state_dict()._metadata[""]))
    fresh = lib.nn.utils.spectral_norm(lib.nn.ConvTranspose1d(3, 4, 2))
    out.append(repr(fresh.load_state_dict(m.state_dict())))
    lib.nn.utils.remove_spectral_norm(m)
    return [*out, numbers(lib, m.weight), [k for k, _ in m.named_parameters()]]


def parametrizations(lib):
    P = lib.nn.utils.parametrize

    class Symmetric(lib.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

        def right_inverse(self, x):
            return x.triu()

    class Double(lib.nn.Module):
        def forward(self, x):
            return x * 2

    lib.manual_seed(0)
    m = lib.nn.Linear(3, 3)
    P.register_parametrization(m, "weight", Symmetric())
    P.register_parametrization(m, "weight", Double())
    out = [type(m).__name__, P.type_before_parametrizations(m).__name__, P.is_parametrized(m)]
    out += trained(lib, m, seeded(lib, 2, 3))
    with P.cached():
        out.append(m.weight is m.weight)
    c = copy.deepcopy(m)
    out += [numbers(lib, c.weight), [k for k, _ in c.named_parameters()]]
    other = P.transfer_parametrizations_and_params(m, lib.nn.Linear(3, 3))
    out.append(numbers(lib, other.weight))
    P.remove_parametrizations(m, "weight", leave_parametrized=False)
    out += [numbers(lib, m.weight), type(m).__name__, P.is_parametrized(m)]
    return out


def pruning(lib):
    prune = importlib.import_module(f"{lib.__name__}.nn.utils.prune")
    out = []

    def note(m):
        out.extend([[k for k, _ in m.named_parameters()], [k for k, _ in m.named_buffers()]])
        out.extend([numbers(lib, m.weight), prune.is_pruned(m)])

    for act in (
        lambda m: prune.identity(m, "weight"),
        lambda m: prune.l1_unstructured(m, "weight", 0.3),
        lambda m: prune.ln_structured(m, "weight", 1, n=2, dim=0),
        lambda m: prune.random_unstructured(m, "weight", 4),
        lambda m: prune.random_structured(m, "weight", 0.5, dim=1),
        lambda m: prune.custom_from_mask(m, "weight", m.weight > 0),
    ):
        lib.manual_seed(0)
        m = act(lib.nn.Linear(4, 5))
        note(m)
        prune.l1_unstructured(m, "weight", 0.2)
        m(seeded(lib, 2, 4)).sum().backward()
        out.append(numbers(lib, m.weight_orig.grad))
        note(m)
        prune.remove(m, "weight")
        note(m)
    lib.manual_seed(0)
    a, b = lib.nn.Linear(3, 4), lib.nn.Linear(4, 2)
    pairs = [(a, "weight"), (b, "weight")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
    return [*out, numbers(lib, a.weight), numbers(lib, b.weight)]


def fusion(lib):
    lib.manual_seed(0)
    bn = lib.nn.BatchNorm2d(4)
    bn(seeded(lib, 8, 4, 3, 3))
    conv = lib.nn.Conv2d(3, 4, 2)
    fused = lib.nn.utils.fuse_conv_bn_eval(conv.eval(), bn.eval())
    out = [numbers(lib, fused.weight), numbers(lib, fused.bias), fused.weight.requires_grad]
    up = lib.nn.ConvTranspose2d(3, 4, 2, bias=False)
    fused = lib.nn.utils.fusion.fuse_conv_bn_eval(up.eval(), bn, transpose=True)
    out += [numbers(lib, fused.weight), numbers(lib, fused.bias)]
    bn1 = lib.nn.BatchNorm1d(4).eval()
    fused = lib.nn.utils.fuse_linear_bn_eval(lib.nn.Linear(3, 4).eval(), bn1)
    return [*out, numbers(lib, fused.weight), numbers(lib, fused.bias)]


def conv_gradients(lib):
    g, x, w = seeded(lib, 2, 4, 5), seeded(lib, 2, 3, 7), seeded(lib, 4, 3, 3)
    image, kernel = seeded(lib, 1, 3, 3, 3), seeded(lib, 3, 2, 2, 2)
    cube, out = seeded(lib, 1, 1, 4, 4, 4), seeded(lib, 1, 2, 3, 3, 3)
    grad = lib.nn.grad
    return [
        numbers(lib, grad.conv1d_input(x.shape, w, g)),
        numbers(lib, grad.conv1d_weight(x, w.shape, g)),
        numbers(lib, grad.conv2d_input((1, 2, 6, 6), kernel, image, 2)),
        numbers(lib, grad.conv3d_weight(cube, (2, 1, 2, 2, 2), out)),
    ]


STORIES = [
    clipping, vectors, weight_norms, spectral_norms, parametrizations, pruning, fusion,
    conv_gradients,
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=[s.__name__ for s in STORIES])
def test_as_pytorch(torch, story):
    torch.set_num_threads(1)
    same(story(wengert), story(torch))


def orthogonal(lib, shape, kind, trivial):
    lib.manual_seed(0)
    m = lib.nn.Linear(*shape).double()
    new = lib.nn.utils.parametrizations
    return new.orthogonal(m, orthogonal_map=kind, use_trivialization=trivial)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_weights(torch, shape, kind):
    ours, theirs = (orthogonal(lib, shape, kind, False) for lib in (wengert, torch))
    a, b = ours.weight.detach().numpy(), theirs.weight.detach().numpy()
    np.testing.assert_allclose(a, b, atol=1e-8)
    m = orthogonal(wengert, shape, kind, True)
    w = m.weight if shape[0] >= shape[1] else m.weight.T
    short = min(shape)
    eye = wengert.eye(short, dtype=wengert.float64)
    assert wengert.allclose(w @ w.T, eye, atol=1e-8)
    w.sum().backward()
    assert m.parametrizations.weight.original.grad is not None


def test_clipping_reports_what_is_not_finite():
    p = wengert.nn.Parameter(wengert.ones(2))
    p.grad = wengert.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        wengert.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_parametrization_must_keep_the_form():
    class Wider(wengert.nn.Module):
        def forward(self, x):
            return wengert.cat([x, x])

    P = wengert.nn.utils.parametrize
    with pytest.raises(ValueError, match="shape"):
        P.register_parametrization(wengert.nn.Linear(2, 2), "weight", Wider())
    m = P.register_parametrization(wengert.nn.Linear(2, 2), "weight", Wider(), unsafe=True)
    assert m.weight.shape == (4, 2)
    with pytest.raises(ValueError, match="does not have a parameter"):
        P.register_parametrization(m, "nothing", Wider())
    with pytest.raises(RuntimeError, match="state_dict"):
        import pickle

        pickle.dumps(m)


@pytest.mark.parametrize("amount,kind", [("a", TypeError), (1.5, ValueError), (99, ValueError)])
def test_bad_amounts(amount, kind):
    with pytest.raises(kind):
        wengert.nn.utils.prune.l1_unstructured(wengert.nn.Linear(2, 2), "weight", amount)


def test_stateless_call():
    from wengert.func import functional_call

    m = wengert.nn.Sequential(wengert.nn.Linear(2, 2), wengert.nn.BatchNorm1d(2))
    before = {k: v.clone() for k, v in m.state_dict().items()}
    new = {k: wengert.ones_like(v) for k, v in m.named_parameters()}
    x = wengert.tensor([[1.0, 2.0], [3.0, 5.0]])
    out = functional_call(m, new, x)
    assert not wengert.equal(out, m.eval()(x))
    assert wengert.equal(before["0.weight"], m[0].weight)
    assert wengert.equal(before["1.bias"], m[1].bias)
    new["0.weight"].requires_grad_()
    m.train()
    g = wengert.autograd.grad(functional_call(m, new, x).square().sum(), new["0.weight"])
    assert g[0].shape == (2, 2)
    with pytest.raises(RuntimeError, match="Missing key"):
        functional_call(m, {}, x, strict=True)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        functional_call(m, {**new, "no": x}, x, strict=True)


def test_stateless_call_follows_tied_weights():
    from wengert.func import functional_call

    m = wengert.nn.Sequential(
        wengert.nn.Linear(2, 2, bias=False), wengert.nn.Linear(2, 2, bias=False)
    )
    m[1].weight = m[0].weight
    x = wengert.eye(2)
    twice = functional_call(m, {"0.weight": wengert.eye(2) * 2}, x)
    assert twice.tolist() == [[4.0, 0.0], [0.0, 4.0]]
    with pytest.raises(ValueError, match="tied"):
        functional_call(m, {"0.weight": wengert.eye(2), "1.weight": wengert.ones(2, 2)}, x)


def test_skip_init():
    m = wengert.nn.utils.skip_init(wengert.nn.Linear, 2, 3, dtype=wengert.float64)
    assert m.weight.shape == (3, 2)
    assert m.weight.device.type == "cpu"
    assert m.weight.dtype == wengert.float64


def test_an_ensemble_by_vmap():
    from wengert.func import functional_call, stack_module_state, vmap

    models = [wengert.nn.Sequential(wengert.nn.Linear(2, 3), wengert.nn.Tanh()) for _ in range(3)]
    params, buffers = stack_module_state(models)
    assert buffers == {}
    x = wengert.randn(4, 2)
    out = vmap(lambda p: functional_call(models[0], p, x))(params)
    assert wengert.allclose(out, wengert.stack([m(x) for m in models]), atol=1e-6)
    with pytest.raises(RuntimeError, match="same class"):
        stack_module_state([wengert.nn.ReLU(), wengert.nn.Tanh()])
