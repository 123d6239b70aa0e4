"""torch.autograd against PyTorch: the same program run by both, with equal results and errors."""

import warnings

import pytest

import wengert as w

CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


def plain(x):
    """Tensors as lists."""
    if hasattr(x, "tolist"):
        return x.tolist()
    return [plain(y) for y in x] if isinstance(x, (tuple, list)) else x


def close(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
    if isinstance(a, float):
        return abs(a - b) <= 1e-5 * max(1, abs(a)) or (a != a and b != b)
    return a == b


def outcome(f, m):
    m.manual_seed(0)
    try:
        return f(m), None
    except Exception as e:
        return None, e


def hook_pair(m, pack, unpack=lambda t: t):
    return m.autograd.graph.saved_tensors_hooks(pack, unpack)


@case
def packing_and_unpacking(m):
    log = []
    x = m.ones(3, requires_grad=True)

    def pack(t):
        log.append(("pack", round(t.sum().item(), 3)))
        return t * 2

    def unpack(t):
        log.append(("unpack", round(t.sum().item(), 3)))
        return t

    with hook_pair(m, pack, unpack):
        y = (x * 2).exp() * x
    y.sum().backward()
    return sorted(log), plain(x.grad)


@case
def numpy_as_storage(m):
    x = m.randn(3, 4, requires_grad=True)
    with hook_pair(m, lambda t: t.numpy().copy(), m.from_numpy):
        y = m.nn.functional.layer_norm(m.tanh(x @ x.t()), (3,)).sum()
        y = y + m.cat([x, x]).sin().sum() + m.max(x, 1)[0].sum()
    (g,) = m.autograd.grad(y, x, create_graph=True)
    return plain(g), plain(m.autograd.grad((g * g).sum(), x))


@case
def freed_with_hooks(m):
    x = m.ones(2, requires_grad=True)
    with hook_pair(m, lambda t: t):
        y = x.exp().sum()
    y.backward()
    y.backward()


@case
def unpack_gives_a_number(m):
    x = m.ones(2, requires_grad=True)
    with hook_pair(m, lambda t: t, lambda t: 3):
        y = x.exp().sum()
    y.backward()


@case
def nested_pairs(m):
    x = m.full((2,), 2.0, requires_grad=True)
    with hook_pair(m, lambda t: t * 10):
        y = x * x
        with hook_pair(m, lambda t: t * 100):
            z = y * y
    z.sum().backward()
    return plain(x.grad)


@case
def disabled(m):
    with m.autograd.graph.disable_saved_tensors_hooks("no way"), hook_pair(m, lambda t: t):
        pass


@case
def on_cpu(m):
    x = m.ones(3, requires_grad=True)
    with m.autograd.graph.save_on_cpu():
        y = (x * x).sin().sum()
    y.backward()
    return plain(x.grad)


@case
def mutation_allowed(m):
    x = m.ones(3, requires_grad=True)
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        a = x.clone()
        b = a.sin()
        a.mul_(5)
        (b.sum() + a.sum()).backward()
    return plain(x.grad)


@case
def hooks_of_functions(m):
    class F(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y * x

    x = m.full((2,), 2.0, requires_grad=True)
    with hook_pair(m, lambda t: t * 2):
        y = F.apply(x)
    (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
    return plain(g), plain(m.autograd.grad(g.sum(), x))


def several(m, mode):
    log = []
    a, b, c = [m.ones(2, requires_grad=True) for _ in range(3)]
    hook = m.autograd.graph.register_multi_grad_hook(
        [a, b, c], lambda g: log.append(plain(g) if mode == "all" else 1), mode=mode
    )
    (a * b).sum().backward()
    (a * 2 + b * 3 + c * 4).sum().backward()
    hook.remove()
    (a * b).sum().backward()
    return log


@case
def several_all(m):
    return several(m, "all")


@case
def several_any(m):
    return several(m, "any")


@case
def several_wrong(m):
    return several(m, "zz")


@case
def edges(m):
    edge = m.autograd.graph.get_gradient_edge
    x = m.ones(2, requires_grad=True)
    y = x * 2
    g = m.autograd.grad(y.exp().sum(), [edge(y)])
    a, b = m.ones(4, requires_grad=True).mul(3).split(2)
    h = m.autograd.grad((a * b).sum(), [edge(b)])
    one = m.tensor(1.0)
    k = m.autograd.grad(edge((x * x).sum()), [edge(x)], grad_outputs=[one])
    e = edge(y)
    return e.output_nr, type(e.node).__name__, plain(g), plain(h), plain(k)


@case
def no_edge(m):
    m.autograd.graph.get_gradient_edge(m.ones(2))


@case
def incremented(m):
    x = m.ones(2, requires_grad=True)
    a = x * 1
    y = a.sin()
    m.autograd.graph.increment_version(a)
    y.sum().backward()


@case
def order_of_hooks(m):
    log = []
    x = m.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()

    def first(g):
        log.append("first")
        return g * 2

    def before(gs):
        log.append(("before", plain(gs)))
        return (gs[0] * 3,)

    y.register_hook(first)
    y.register_hook(lambda g: log.append("second"))
    node = y.grad_fn
    node.register_prehook(before)
    node.register_hook(lambda i, o: log.append(("after", plain(i[0]), plain(o))))
    x.register_hook(lambda g: log.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("there", plain(p.grad))))
    end = node.next_functions[0][0]
    end.register_prehook(lambda g: log.append(("before the end", plain(g))))
    end.register_hook(lambda i, o: log.append(("after the end", len(i), plain(o))))
    y.sum().backward()
    return [str(line) for line in log], plain(y.grad), plain(x.grad)


@case
def wrong_hook(m):
    x = m.ones(2, requires_grad=True)
    y = x * 2
    y.grad_fn.register_hook(lambda i, o: (1, 2, 3))
    y.sum().backward()


@case
def nodes(m):
    y = m.ones(2, requires_grad=True).exp()
    n = y.grad_fn
    n.metadata["a"] = 1
    names = [k.name() for k, _ in n.next_functions]
    return n.name(), names, n.metadata, isinstance(n, m.autograd.graph.Node), plain(n._saved_result)


@case
def anomaly(m):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with m.autograd.detect_anomaly():
            (m.zeros(2, requires_grad=True).sqrt() * 0).sum().backward()


@case
def anomaly_switch(m):
    before = m.is_anomaly_enabled()
    with m.autograd.set_detect_anomaly(True):
        inside = m.is_anomaly_enabled()
    return before, inside, m.is_anomaly_enabled()


@case
def pack_hooks_see_inputs_in_the_graph(m):
    seen = []
    w = m.nn.Parameter(m.ones(2, 2))
    h = w * 2

    def pack(t):
        seen.append((t is w, type(t) is type(w), t.requires_grad, t.is_leaf, m.is_grad_enabled()))
        return t

    with hook_pair(m, pack):
        y = h @ w
    y.sum().backward()
    return seen, plain(w.grad)


@case
def pack_hooks_of_a_function(m):
    seen = []

    class Double(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = m.ones(2, requires_grad=True)
    h = x * 3
    with hook_pair(m, lambda t: seen.append((t is x, t is h, t.requires_grad)) or t):
        y = Double.apply(x) + Double.apply(h)
    y.sum().backward()
    return seen, plain(x.grad)


@case
def hook_after_accumulation_returns_the_leaf(m):
    x = m.zeros(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda p: p.add_(p.grad, alpha=-1))
    (x * 3).sum().backward()
    return plain(x), plain(x.grad)


@case
def hook_after_accumulation_returns_something_else(m):
    x = m.zeros(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda p: p.grad)
    x.sum().backward()


@case
def dtype_of_gradients(m):
    x = m.ones(2, requires_grad=True)
    out = [str(x.grad_dtype)]
    x.grad_dtype = m.float64
    (x * 2).sum().backward()
    (x @ x).backward()
    out += [str(x.grad_dtype), str(x.grad.dtype), plain(x.grad)]
    out.append(str(m.autograd.grad((x * 2).sum(), x)[0].dtype))
    x.grad_dtype = None
    x.grad = m.ones(2, dtype=m.float16)
    (x * 2).sum().backward()
    y = m.ones(2)
    y.grad_dtype = m.float16
    y.requires_grad_()
    (y * 2).sum().backward()
    return [*out, str(x.grad_dtype), str(x.grad.dtype), plain(x.grad), str(y.grad.dtype)]


@case
def dtype_of_gradients_when_there_is_one(m):
    x = m.ones(2, requires_grad=True)
    x.grad = m.ones(2)
    x.grad_dtype = m.float16


@case
def dtype_of_gradients_of_a_result(m):
    return (m.ones(2, requires_grad=True) * 2).grad_dtype


@case
def gradient_of_another_dtype_than_asked_for(m):
    x = m.ones(2, requires_grad=True)
    x.grad_dtype = m.float16
    x.grad = m.ones(2)


@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name, torch):
    torch.set_num_threads(1)
    expected, error = outcome(CASES[name], torch)
    got, ours = outcome(CASES[name], w)
    if error is not None:
        assert type(ours) is type(error), ours
    else:
        assert ours is None, ours
        assert close(expected, got), (expected, got)


# ------------------------------------------------------------------------- without PyTorch


def test_packed_only_inside():
    packed = []
    x = w.ones(2, requires_grad=True)
    with hook_pair(w, lambda t: packed.append(1) or t):
        x.exp()
    inside = len(packed)
    x.exp().sum().backward()
    assert inside == len(packed) == 1


def test_anomaly_names_the_line():
    with w.autograd.set_detect_anomaly(True):
        y = w.zeros(2, requires_grad=True).sqrt()  # this line
        with pytest.raises(RuntimeError, match=r"SqrtBackward0.*returned nan") as e:
            (y * 0).sum().backward()
    assert "# this line" in str(e.value)


class Net(w.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = w.nn.Linear(1, 1)

    def forward(self, x):
        return w.log(self.inner(x) * 0 - 1)


def test_trapped_at_birth():
    with w.trap_nonfinite(), pytest.raises(RuntimeError, match="log gave nan") as e:
        w.nn.Sequential(Net())(w.ones(1, 1))
    text = str(e.value)
    assert "from -1 to -1" in text and "test_graph.py" in text and "model.0 (Net)" in text
    assert w.isnan(w.log(w.tensor(-1.0)))  # off again


def test_not_trapped_when_handed_on():
    with w.trap_nonfinite():
        x = w.full((3,), float("inf"))
        assert (x * 2 - 1)[0] == float("inf")
        assert w.softmax(w.tensor([0.0, -float("inf")]), 0).tolist() == [1, 0]


def test_complex_gradients_pass_node_hooks():
    z = w.tensor([1 + 2j], requires_grad=True)
    y = z * z
    y.grad_fn.register_hook(lambda i, o: None)
    y.real.sum().backward()
    assert z.grad.tolist() == [(2 * (1 + 2j)).conjugate()]
