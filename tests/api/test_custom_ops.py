"""torch.library: operators of users, their derivatives, schemas and refusals."""

from typing import List, Optional, Sequence, Tuple  # noqa: UP035

import pytest

import wengert as w
from wengert.library import Library, custom_op, impl, infer_schema, opcheck


@pytest.fixture(autouse=True)
def operators():
    """Forgets what a test defines."""
    yield
    w.ops.OPERATORS.pop("test", None)


def cube():
    @custom_op("test::cube", mutates_args=())
    def f(x: w.Tensor) -> w.Tensor:
        return x.detach() ** 3

    return f


def test_an_operator_is_found_by_its_name():
    f = cube()
    assert w.ops.test.cube(w.full((1,), 2.0)).item() == 8
    assert w.ops.test.cube.default is f
    with pytest.raises(AttributeError, match="nothere"):
        _ = w.ops.test.nothere


def test_derivatives_are_those_registered():
    f = cube()
    x = w.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="register_autograd"):
        f(x).sum().backward()

    def setup(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2

    f.register_autograd(backward, setup_context=setup)
    f(x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    assert "test_cube" in f(x).grad_fn.name()
    assert opcheck(f, (w.ones(2, requires_grad=True),))["test_schema"] == "SUCCESS"


def test_kernels_by_device_and_results_that_alias():
    lib = Library("test", "DEF")
    lib.define("plus(Tensor x) -> Tensor")
    lib.impl("plus", lambda x: x + 1, "CPU")
    assert w.ops.test.plus(w.ones(1)).item() == 2
    w.library.define("test::times", "(Tensor x) -> Tensor")
    with pytest.raises(NotImplementedError, match="register"):
        w.ops.test.times(w.ones(1))
    impl("test::times", "cpu", lambda x: x)
    with pytest.raises(RuntimeError, match="alias"):
        w.ops.test.times(w.ones(1))
    w.library.register_fake("test::times", lambda x: x.new_empty(x.shape))
    assert w.ops.test.times(w.ones(3, device="meta")).shape == (3,)


def test_schemas_are_those_of_pytorch(torch):
    def make(t):
        def f(
            x: t.Tensor, y: Optional[t.Tensor], n: List[int], s: Sequence[t.Tensor],  # noqa: UP006, UP045
            d: t.dtype, b: bool = True, c: str = "a", *, k: float = 2.0,
        ) -> Tuple[t.Tensor, t.Tensor]: ...  # noqa: UP006  # fmt: skip

        return f

    for mutated in ((), {"x"}):
        ours = infer_schema(make(w), mutates_args=mutated)
        assert ours == torch.library.infer_schema(make(torch), mutates_args=mutated)
    with pytest.raises(ValueError, match="annotation"):
        infer_schema(lambda x: x, mutates_args=())


def test_arguments_are_changed_in_place():
    @custom_op("test::add_one", mutates_args={"x"})
    def f(x: w.Tensor) -> None:
        x.add_(1)

    x = w.ones(2)
    f(x)
    assert x.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("given", ["cpu", 3, "tpu"])
def test_inputs_are_cast_under_autocast(torch, given):
    def outcomes(torch, name):
        @torch.library.custom_op(name, mutates_args=())
        def plus_one(x: torch.Tensor, n: int) -> torch.Tensor:
            assert not torch.is_autocast_enabled("cpu") or given != "cpu"
            return x + n

        try:
            plus_one.register_autocast(given, torch.bfloat16)
        except (ValueError, RuntimeError) as error:
            return type(error), str(error)[:15]
        floats, ints = torch.ones(2), torch.ones(2, dtype=torch.int64)
        found = [plus_one(floats, 1).dtype]
        with torch.autocast("cpu"):
            operands = floats, ints, floats.double(), floats.half()
            found += [plus_one(x, 1).dtype for x in operands]
            with torch.autocast("cpu", enabled=False):
                found.append(plus_one(floats, 1).dtype)
        return [str(dtype) for dtype in found]

    assert outcomes(w, "test::cast") == outcomes(torch, f"test::cast{given}")
