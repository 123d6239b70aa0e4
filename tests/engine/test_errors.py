"""Misuse of the engine, situation by situation: PyTorch's type of error, and a text that says what,
where and how to go on.
"""

import pytest

import wengert as w

SITUATIONS = {}


def situation(*words):
    """Register a misuse; the error's text has to have all of these words."""

    def register(f):
        SITUATIONS[f.__name__] = (f, words)
        return f

    return register


def leaf(m, *shape):
    return m.ones(*(shape or (3,)), requires_grad=True)


@situation("second time", "retain_graph=True", "ExpBackward0", "test_errors.py")
def freed(m):
    y = leaf(m).exp().sum()
    y.backward()
    y.backward()


@situation("second time", "retain_graph=True")
def freed_by_grad(m):
    x = leaf(m)
    y = x.exp().sum()
    m.autograd.grad(y, x)
    m.autograd.grad(y, x)


@situation("already been freed")
def freed_saved_values(m):
    y = leaf(m).exp()
    y.sum().backward()
    y.grad_fn._saved_result


@situation("second time", "retain_graph=True", "CustomBackward", "test_errors.py")
def freed_function(m):
    y = custom(m).apply(leaf(m)).sum()
    y.backward()
    y.backward()


@situation("inplace operation", "ExpBackward0", "test_errors.py", "changed at", "clone()")
def changed_output(m):
    y = leaf(m).exp()
    y.add_(1)
    y.sum().backward()


@situation("inplace operation", "MulBackward0", "saved at")
def changed_input(m):
    x = leaf(m)
    a = x * 1
    b = a * a
    a.zero_()
    b.sum().backward()


@situation("inplace operation")
def changed_through_a_view(m):
    a = leaf(m) * 1
    b = a.sin()
    a[0].fill_(2)
    b.sum().backward()


@situation("inplace operation")
def changed_weight(m):
    layer = m.nn.Linear(3, 3)
    y = layer(leaf(m))
    with m.no_grad():
        layer.weight.add_(1)
    y.sum().backward()


@situation("inplace operation")
def changed_saved_tensor(m):
    x = leaf(m)
    a = x * 1
    y = custom(m).apply(a)
    a.zero_()
    y.sum().backward()


@situation("leaf", "in-place", "add_", "no_grad")
def leaf_in_place(m):
    leaf(m).add_(1)


@situation("leaf", "in-place", "no_grad")
def leaf_written(m):
    leaf(m)[0] = 1


@situation("view of a leaf", "no_grad")
def view_of_leaf_in_place(m):
    leaf(m)[:2].mul_(2)


@situation("out=", "automatic differentiation", "no_grad")
def recorded_out(m):
    m.exp(leaf(m), out=m.zeros(3))


@situation("more than one element", "clone")
def overlapping_in_place(m):
    m.ones(1).expand(3).add_(1)


@situation("broadcast", "out-of-place")
def in_place_enlarging(m):
    m.ones(3).add_(m.ones(2, 3))


@situation("can't be cast", "out-of-place")
def in_place_promotion(m):
    m.ones(3, dtype=m.int64).mul_(1.5)


@situation("inputs[1]", "allow_unused=True")
def unused_input(m):
    x, y = leaf(m), leaf(m)
    m.autograd.grad(x.sum(), [x, y])


@situation("does not require grad", "inputs[1]", "requires_grad_")
def plain_input(m):
    x = leaf(m)
    m.autograd.grad(x.sum(), [x, m.ones(3)])


@situation("empty")
def no_inputs(m):
    leaf(m).sum().backward(inputs=[])


@situation("does not require grad")
def plain_inputs_of_backward(m):
    leaf(m).sum().backward(inputs=[m.ones(3)])


@situation("scalar", "(3,)", "sum()", "test_errors.py")
def not_scalar(m):
    (leaf(m) * 2).backward()


@situation("scalar")
def not_scalar_in_grad(m):
    x = leaf(m)
    m.autograd.grad(x * 2, x)


@situation("real", "complex")
def complex_scalar(m):
    m.ones(1, dtype=m.complex64, requires_grad=True).sum().backward()


@situation("(2,)", "(3,)")
def gradient_of_another_shape(m):
    (leaf(m) * 2).backward(m.ones(2))


@situation("gradients")
def too_few_gradients(m):
    x = leaf(m)
    m.autograd.backward([x.sum(), x.sum()], [m.tensor(1.0)])


@situation("Tensor", "float")
def gradient_that_is_no_tensor(m):
    leaf(m).sum().backward(1.0)


@situation("does not require grad", "no_grad", "detach")
def nothing_recorded(m):
    m.ones(3).sum().backward()


@situation("does not require grad", "no_grad")
def recorded_nothing_under_no_grad(m):
    with m.no_grad():
        y = leaf(m).sum()
    y.backward()


@situation("floating point", "int64", "float()")
def integers_with_gradient(m):
    m.arange(3).requires_grad_()


@situation("floating point")
def integers_made_with_gradient(m):
    m.tensor([1, 2], requires_grad=True)


@situation("leaf", "detach()")
def results_stop_requiring(m):
    (leaf(m) * 2).requires_grad_(False)


@situation("detach()")
def numpy_of_recorded(m):
    leaf(m).numpy()


@situation("once_differentiable", "OnceBackward", "test_errors.py", "without the mark")
def differentiated_twice(m):
    class Once(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @m.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x * 2

    x = leaf(m)
    (g,) = m.autograd.grad(Once.apply(x).pow(2).sum(), x, create_graph=True)
    g.sum().backward()


@situation("does not require grad")
def second_derivative_without_create_graph(m):
    x = leaf(m)
    (g,) = m.autograd.grad((x * x).sum(), x)
    g.sum().backward()


def custom(m, result=None, keep=True):
    class Custom(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            if keep:
                ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            if keep:
                (x,) = ctx.saved_tensors
                return g * x
            return result(g)

    return Custom


@situation("CustomBackward", "expected 1", "got 2")
def too_many_gradients_from_a_function(m):
    custom(m, lambda g: (g, g), keep=False).apply(leaf(m)).sum().backward()


@situation("CustomBackward", "[2]", "[3]")
def gradient_of_wrong_shape_from_a_function(m):
    custom(m, lambda g: m.ones(2), keep=False).apply(leaf(m)).sum().backward()


@situation("CustomBackward", "gradient 0")
def no_tensor_from_a_function(m):
    custom(m, lambda g: 3, keep=False).apply(leaf(m)).sum().backward()


@situation("save_for_backward", "ctx")
def saving_no_tensor(m):
    class Saves(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 2

    Saves.apply(leaf(m))


@situation("apply")
def function_as_object(m):
    custom(m)()(leaf(m))


@situation("backward")
def function_without_backward(m):
    class Half(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    Half.apply(leaf(m)).sum().backward()


@situation("forward")
def function_without_forward(m):
    class Nothing(m.autograd.Function):
        pass

    Nothing.apply(leaf(m))


@situation("hook")
def hook_on_plain_tensor(m):
    m.ones(3).register_hook(lambda g: None)


@situation("leaf")
def post_accumulate_hook_on_result(m):
    (leaf(m) * 2).register_post_accumulate_grad_hook(lambda p: None)


@situation("size")
def hook_changes_the_size(m):
    x = leaf(m)
    x.register_hook(lambda g: m.ones(2))
    x.sum().backward()


@situation("incorrect number of values", "expected 1")
def node_hook_with_too_many(m):
    y = leaf(m) * 2
    y.grad_fn.register_prehook(lambda gs: (gs[0], gs[0]))
    y.sum().backward()


@situation("requires_grad=False")
def retaining_plain(m):
    m.ones(3).retain_grad()


@situation("size")
def assigning_a_gradient_of_another_shape(m):
    leaf(m).grad = m.ones(2)


@situation("float64", "float32")
def assigning_a_gradient_of_another_dtype(m):
    leaf(m).grad = m.ones(3, dtype=m.float64)


@situation("Tensor", "int")
def assigning_a_gradient_that_is_none(m):
    leaf(m).grad = 3


@situation("inference", "clone()")
def inference_tensor_requiring(m):
    with m.inference_mode():
        x = m.ones(3)
    x.requires_grad_()


@situation("nference", "clone")
def inference_tensor_in_place(m):
    with m.inference_mode():
        x = m.ones(3)
    x.add_(1)


@situation("leaves", "detach()")
def copying_a_result(m):
    import copy

    copy.deepcopy(leaf(m) * 2)


@situation("ambiguous", "any()")
def truth_of_several(m):
    bool(leaf(m) > 0)


@situation("3 elements")
def item_of_several(m):
    leaf(m).item()


@situation("dual_level")
def dual_without_level(m):
    m.autograd.forward_ad.make_dual(m.ones(3), m.ones(3))


@situation("level")
def levels_left_in_wrong_order(m):
    with m.autograd.forward_ad.dual_level():
        m.autograd.forward_ad.exit_dual_level(level=5)


@situation("vmap", "0")
def vmap_over_a_scalar(m):
    m.func.vmap(lambda x: x)(m.tensor(1.0))


@situation("vmap")
def vmap_over_different_sizes(m):
    m.func.vmap(lambda x, y: x + y)(m.ones(2), m.ones(3))


@situation("grad")
def func_grad_of_no_scalar(m):
    m.func.grad(lambda x: x * 2)(m.ones(3))


@situation("item()", "torch.where")
def value_read_in_vmap(m):
    m.func.vmap(lambda x: x.sum().item())(m.ones(2, 2))


@situation("vmap")
def random_in_vmap(m):
    m.func.vmap(lambda x: x + m.rand(2))(m.ones(2, 2))


@situation("shape")
def jvp_with_another_shape(m):
    m.func.jvp(lambda x: x, (m.ones(3),), (m.ones(2),))


def raised(f, m):
    with pytest.raises(Exception) as caught:
        f(m)
    return caught.value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_type_is_pytorchs(torch, name):
    torch.set_num_threads(1)
    f, _ = SITUATIONS[name]
    ours, theirs = raised(f, w), raised(f, torch)
    assert type(ours) is type(theirs), f"{ours!r}, in PyTorch {theirs!r}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_text_says_what_and_how(name):
    f, words = SITUATIONS[name]
    text = str(raised(f, w))
    assert [word for word in words if word not in text] == [], text


@pytest.mark.parametrize(
    ("f", "kind", "words"),
    [
        (lambda: w.ones(2, 3).reshape(4, 2), RuntimeError, "in reshape(), self: float32 [2, 3]"),
        (lambda: w.cdist(w.ones(2, 3), w.ones(2, 4).double()), RuntimeError,
         "in cdist(), x1: float32 [2, 3]; x2: float64 [2, 4]"),
        (lambda: w.nn.functional.nll_loss(w.ones(2, 3), w.ones(3).long()), ValueError,
         "in nll_loss(), input: float32 [2, 3]; target: int64 [3]"),
        # the function that was called, not one that it calls
        (lambda: w.nn.functional.cross_entropy(w.ones(2, 3), w.tensor([0, 9])), IndexError,
         "in cross_entropy(), input: float32 [2, 3]; target: int64 [2]"),
        (lambda: w.broadcast_tensors(w.ones(2), w.ones(3)), RuntimeError, "[2] and [3]"),
    ],
)  # fmt: skip
def test_errors_name_the_function_and_its_tensors(f, kind, words):
    with pytest.raises(kind) as e:
        f()
    assert words in str(e.value) and type(e.value) is kind
    assert str(e.value).count(" (in ") <= 1


def test_errors_that_name_the_function_and_those_of_others_stay():
    with pytest.raises(IndexError) as e:
        w.ones(2).sum(dim=3)
    assert "(in " not in str(e.value)
    x = w.ones(2, requires_grad=True)

    def refuse(g):
        raise ValueError("mine")

    x.register_hook(refuse)
    with pytest.raises(ValueError, match="^mine$"):
        x.sum().backward()


def test_classes_and_scores_in_each_others_places():
    with pytest.raises(NotImplementedError, match="second place"):
        w.nn.functional.cross_entropy(w.tensor([0, 1]), w.ones(2, 3))
    x = w.tensor([0.0, 0.0, 0.0], requires_grad=True)
    loss = w.nn.functional.nll_loss(x, w.tensor([1]))
    loss.backward()
    assert loss.shape == () and x.grad.tolist() == [0, -1, 0]
    with pytest.raises(ValueError, match="size 1"):
        w.nn.functional.cross_entropy(x, w.tensor([1, 2]))


def test_ways_out_of_small_mistakes():
    for f, kind, words in (
        (lambda: w.nn.utils.clip_grad_norm_(w.nn.Linear(1, 1), 1.0), TypeError, "model.parameters"),
        (lambda: w.ones(1).to("float32"), RuntimeError, "torch.float32, without quotes"),
        (lambda: w.nn.functional.gumbel_softmax(w.ones(2).long()), RuntimeError, r"\.float\(\)"),
        (lambda: w.ones(1) & w.ones(1), NotImplementedError, "takes integers"),
        (lambda: w.ones(1)["a"], TypeError, "invalid data type 'str'"),
    ):
        with pytest.raises(kind, match=words):
            f()
