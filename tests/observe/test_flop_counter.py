"""FlopCounterMode against PyTorch's counts, forward and backward."""

import pytest

import wengert
from wengert.utils.flop_counter import FlopCounterMode


def counted(t, mode):
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10)
    )
    with mode(display=False) as counter:
        net(t.randn(2, 3, 8, 8)).sum().backward()
        t.bmm(t.randn(2, 3, 4), t.randn(2, 4, 5))
        nn.functional.conv_transpose2d(t.randn(1, 3, 4, 4), t.randn(3, 5, 2, 2))
    counts = counter.get_flop_counts()
    return {k: sum(v.values()) for k, v in counts.items()}, counter.get_total_flops()


def test_counts_are_those_of_pytorch(torch):
    from torch.utils.flop_counter import FlopCounterMode as theirs

    assert counted(wengert, FlopCounterMode) == counted(torch, theirs)


def test_the_table_names_modules(capsys):
    with FlopCounterMode(depth=1):
        wengert.nn.Linear(4, 5)(wengert.ones(2, 4))
    text = capsys.readouterr().out
    assert "Linear" in text and "aten.addmm" in text and "100.00%" in text


def test_an_error_inside_leaves_nothing_behind():
    with pytest.raises(RuntimeError), FlopCounterMode(display=False):
        wengert.nn.Sequential(wengert.nn.Linear(2, 2))(wengert.ones(1, 3))
    assert not wengert.nn.hooks.GLOBAL.calls[0]


def test_users_formulas_count(torch):
    from torch.utils.flop_counter import FlopCounterMode as theirs
    from torch.utils.flop_counter import flop_registry
    from torch.utils.flop_counter import register_flop_formula as enter_theirs

    from wengert.observe import flop_counter

    def total(t, mode, enter, name):
        @enter([t.ops.aten.sin, t.ops.aten.cos])
        def of_sin(x_shape, *args, out_shape=None, **kwargs):
            return 10 * x_shape[0] + out_shape[0]

        @t.library.custom_op(name, mutates_args=())
        def squared(x: t.Tensor) -> t.Tensor:
            return x @ x

        @enter(squared._opoverload._overloadpacket if t is torch else squared, get_raw=True)
        def of_squared(x, *args, out_val=None, **kwargs):
            return 7 * len(x) + len(out_val)

        with mode(display=False, custom_mapping={t.ops.aten.mm: lambda a, b, out_shape: 1}) as c:
            squared(t.ones(2, 2)), t.sin(t.ones(3)), t.cos(t.ones(4)), t.mm(*[t.ones(2, 2)] * 2)
            t.ones(2, 2, requires_grad=True) @ t.ones(2, 2)
        return c.get_total_flops()

    known, own = dict(flop_registry), dict(flop_counter.FORMULAS)
    try:
        found = total(wengert, FlopCounterMode, flop_counter.register_flop_formula, "test::squared")
        assert found == total(torch, theirs, enter_theirs, "test::squared_flops") == 95
    finally:
        flop_registry.clear()
        flop_registry.update(known)
        flop_counter.FORMULAS.clear()
        flop_counter.FORMULAS.update(own)
        wengert.ops.OPERATORS.pop("test", None)
