"""Hooks of modules: the same events in the same order as PyTorch's."""

import collections
import copy

import pytest

import wengert
from wengert.nn import hooks as tables


def shapes(x):
    if x is None:
        return None
    return [shapes(i) for i in x] if isinstance(x, (tuple, list)) else tuple(x.shape)


def layer(lib, **kwargs):
    lib.manual_seed(0)
    return lib.nn.Linear(2, 3)


def forward_hooks(lib):
    m, seen = layer(lib), []
    x = lib.ones(4, 2)
    m.register_forward_pre_hook(lambda m, args: seen.append(("pre", shapes(args))))
    m.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    m.register_forward_pre_hook(lambda m, args: args[0] + 1)
    first = m.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    m.register_forward_hook(lambda m, args, out: seen.append(("post", float(args[0].sum()))))
    m.register_forward_hook(lambda m, args, out: out.detach() * 0 + 5)
    m.register_forward_hook(
        lambda m, args, kwargs, out: seen.append((sorted(kwargs), float(out.sum()))),
        with_kwargs=True,
    )
    m.register_forward_pre_hook(lambda m, a, k: (a, {**k}), with_kwargs=True)
    out = m(x)
    first.remove()
    first.remove()
    m(x)
    return [seen, out.tolist(), len(m._forward_pre_hooks)]


def always_called(lib):
    m, seen = lib.nn.Module(), []
    m.forward = lambda x: 1 / 0
    m.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    m.register_forward_hook(lambda m, a, out: seen.append("not called"))
    with pytest.raises(ZeroDivisionError):
        m(3)
    return seen


def backward_hooks(lib):
    m, seen = layer(lib), []

    def note(name):
        return lambda m, gi, go: seen.append((name, shapes(gi), shapes(go)))

    m.register_full_backward_hook(note("full"))
    m.register_full_backward_pre_hook(lambda m, go: seen.append(("pre", shapes(go))))
    x = lib.ones(4, 2, requires_grad=True)
    m(x).sum().backward()
    m(lib.ones(4, 2)).sum().backward()  # no input takes a gradient
    seen.append(x.grad.tolist())
    return [seen, m.weight.grad.tolist()]


def changed_gradients(lib):
    m = layer(lib)
    m.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
    m.register_full_backward_hook(lambda m, gi, go: (gi[0] + 100,))
    x = lib.ones(1, 2, requires_grad=True)
    m(x).sum().backward()
    return [x.grad.tolist(), m.bias.grad.tolist()]


def several_tensors(lib):
    seen = []

    class Two(lib.nn.Module):
        def forward(self, a, b, flag=None):
            return a * 2, b.detach(), "text"

    m = Two()
    m.register_full_backward_hook(lambda m, gi, go: seen.append((shapes(gi), len(go))))
    a, b = lib.ones(2, requires_grad=True), lib.ones(3)
    out = m(a, b, flag=True)
    out[0].sum().backward()
    return [seen, len(out), out[2], a.grad.tolist(), out[1].requires_grad]


def global_hooks(lib):
    seen = []
    api = lib.nn.modules.module
    made = [
        api.register_module_forward_pre_hook(lambda m, a: seen.append(("pre", type(m).__name__))),
        api.register_module_forward_hook(lambda m, a, o: seen.append(("post", type(m).__name__))),
        api.register_module_full_backward_hook(lambda m, gi, go: seen.append("full")),
        api.register_module_module_registration_hook(lambda m, n, c: seen.append(("m", n))),
        api.register_module_parameter_registration_hook(lambda m, n, p: seen.append(("p", n))),
        api.register_module_buffer_registration_hook(lambda m, n, b: seen.append(("b", n))),
    ]
    try:
        m = lib.nn.Sequential(layer(lib), lib.nn.BatchNorm1d(3, affine=False))
        m(lib.ones(4, 2, requires_grad=True)).sum().backward()
    finally:
        for handle in made:
            handle.remove()
    m(lib.ones(4, 2))
    return seen


def handles(lib):
    m = layer(lib)
    with m.register_forward_hook(lambda *a: None):
        inside = len(m._forward_hooks)
    return [inside, len(m._forward_hooks)]


STORIES = [
    forward_hooks, always_called, backward_hooks, changed_gradients, several_tensors, global_hooks,
    handles,
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=[s.__name__ for s in STORIES])
def test_as_pytorch(torch, story):
    assert story(wengert) == story(torch)


def test_changed_gradients_without_pytorch():
    x_grad, bias_grad = changed_gradients(wengert)
    assert bias_grad == [2.0, 2.0, 2.0]
    assert all(abs(g - 100) < 10 for g in x_grad[0])


def test_styles_do_not_mix():
    m = layer(wengert)
    m.register_full_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match="Cannot use both"):
        m.register_backward_hook(lambda *a: None)


def test_wrong_results_are_refused():
    m = layer(wengert)
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="new_args, new_kwargs"):
        m(wengert.ones(1, 2))
    m = layer(wengert)
    m.register_full_backward_hook(lambda m, gi, go: (1, 2, 3))
    x = wengert.ones(1, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="invalid number"):
        m(x).sum().backward()


def test_no_global_hooks_are_left():
    assert not any(tables.GLOBAL.calls)


def test_every_handle_is_what_users_annotate():
    kind = wengert.utils.hooks.RemovableHandle
    layer, x = wengert.nn.Linear(1, 1), wengert.ones(1, requires_grad=True)
    handles = [
        layer.register_forward_hook(print), layer.register_full_backward_hook(print),
        x.register_hook(print), (x * 2).grad_fn.register_hook(print),
        wengert.optim.SGD([x]).register_step_post_hook(print),
    ]  # fmt: skip
    assert all(isinstance(h, kind) for h in handles)
    for h in (*copy.deepcopy(handles[2:3]), *handles):
        h.remove()
    x.sum().backward()
    table = collections.OrderedDict()
    with kind(table) as handle:
        table[handle.id] = print
    assert not table


def test_handles_of_all_kinds_have_numbers_of_their_own():
    opt = wengert.optim.SGD([wengert.nn.Parameter(wengert.ones(1))], lr=0.1)
    called = []
    opt.register_step_pre_hook(lambda *args: called.append("first"))
    table = opt._optimizer_step_pre_hooks
    second = wengert.utils.hooks.RemovableHandle(table)
    table[second.id] = lambda *args: called.append("second")
    opt.step()
    assert called == ["first", "second"]


def test_outputs_without_a_gradient_are_told_as_none():
    class Pair(wengert.nn.Module):
        def forward(self, x, y):
            return x * 2, y * 3

    pair, told = Pair(), []
    pair.register_full_backward_hook(lambda m, got, gave: told.append((shapes(got), shapes(gave))))
    x, y = wengert.ones(2, requires_grad=True), wengert.ones(3, requires_grad=True)
    pair(x, y)[0].sum().backward()
    assert told == [([(2,), (3,)], [(2,), None])]
    assert y.grad.tolist() == [0.0, 0.0, 0.0]
