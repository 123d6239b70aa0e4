"""Hooks of all kinds, in many mixtures: order, values and gradients beside PyTorch's."""

import random

import pytest

import wengert as w

NAMES = ("a", "b", "h", "s", "y", "z", "out")


def plain(g):
    """Gradients as rounded lists."""
    if g is None:
        return None
    if isinstance(g, (tuple, list)):
        return [plain(x) for x in g]
    return [round(float(x), 4) for x in g.detach().reshape(-1).tolist()]


class Run:
    """A small graph, hooks put on it by name, and what they saw."""

    def __init__(self, m):
        self.m, self.log, self.handles = m, [], []
        a = m.tensor([1.0, 2.0], requires_grad=True)
        b = m.tensor([3.0, 4.0], requires_grad=True)
        h = a * b
        s = h.sin()
        y = h * s
        z, _ = m.stack([y, h * 2]).max(0)
        self.t = dict(zip(NAMES, (a, b, h, s, y, z, (z + s).sum())))

    def note(self, tag, *seen, mode="", given=None, factor=1):
        """What a hook does: write down what it saw; scale, take another hook out, or add one."""
        self.log.append((tag, *[plain(x) for x in seen]))
        if mode == "remove" and self.handles:
            self.handles.pop(0).remove()
        if mode == "scale" and given is not None:
            if isinstance(given, tuple):
                return tuple(None if g is None else g * factor for g in given) or None
            return given * factor
        return None

    def put(self, number, kind, name, mode):
        """Register one hook."""
        t, tag = self.t[name], f"{kind} {number} of {name}"
        graph = self.m.autograd.graph
        if kind == "retain":
            t.retain_grad()
            return
        if kind == "take out":
            if self.handles:
                index = random.Random(number).randrange(len(self.handles))
                self.handles.pop(index).remove()
            return
        if kind == "tensor":

            def hook(g):
                if mode == "add":
                    t.register_hook(lambda g: self.note(tag + ", late", g))
                return self.note(tag, g, mode=mode, given=g, factor=2)

            handle = t.register_hook(hook)
        elif kind == "accumulated":
            handle = t.register_post_accumulate_grad_hook(lambda p: self.note(tag, p.grad))
        elif kind == "before":
            node = graph.get_gradient_edge(t).node
            handle = node.register_prehook(
                lambda gs: self.note(tag, gs, mode=mode, given=gs, factor=3)
            )
        elif kind == "after":
            node = graph.get_gradient_edge(t).node
            handle = node.register_hook(
                lambda gi, go: self.note(tag, gi, go, mode=mode, given=gi, factor=5)
            )
        else:
            tensors = [self.t[n] for n in mode.split()]
            handle = graph.register_multi_grad_hook(
                tensors, lambda g: self.note(tag, g), mode="any" if kind == "any" else "all"
            )
        self.handles.append(handle)

    def run(self, how):
        """One of the ways to go backward."""
        t = self.t
        if how == "backward":
            t["out"].backward()
        elif how == "create_graph":
            t["out"].backward(create_graph=True)
        elif how == "twice":
            t["out"].backward(retain_graph=True)
            self.log.append("again")
            t["out"].backward()
        else:
            names = {"grad": "ah", "inputs": "b", "results": "hs", "leaves": "ab"}[how]
            chosen = [t[n] for n in names]
            self.log.append(plain(self.m.autograd.grad(t["out"], chosen, retain_graph=True)))
            self.log.append("again")
            t["out"].backward(inputs=chosen[:1], retain_graph=True)
            t["out"].backward(inputs=chosen)
        return [*self.log, {n: plain(x.grad) for n, x in t.items()}]


def mixture(seed):
    """Some hooks, at random: (kind, tensor, what it does)."""
    rng = random.Random(seed)
    hooks = []
    for _ in range(rng.randint(1, 7)):
        kind = rng.choice(
            ["tensor"] * 4 + ["retain"] * 2 + ["accumulated", "before", "after", "take out"]
        )
        name = rng.choice("ab" if kind == "accumulated" else NAMES)
        hooks.append((kind, name, rng.choice(["", "scale", "remove", "add"])))
    if rng.random() < 0.4:
        tensors = " ".join(rng.sample("hsyz", rng.randint(1, 3)))
        hooks.insert(rng.randint(0, len(hooks)), (rng.choice(["all", "any"]), "out", tensors))
    return hooks


def outcome(m, hooks, how):
    run = Run(m)
    for number, hook in enumerate(hooks):
        run.put(number, *hook)
    return run.run(how)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "how", ["backward", "create_graph", "twice", "grad", "inputs", "results", "leaves"]
)
def test_mixtures_as_pytorch(torch, how):
    torch.set_num_threads(1)
    for seed in range(120):
        hooks = mixture(seed)
        assert outcome(w, hooks, how) == outcome(torch, hooks, how), (seed, hooks)


WRITTEN = [
    ([("tensor", "h", "scale"), ("retain", "h", ""), ("tensor", "h", "")], "retained last"),
    ([("retain", "h", ""), ("tensor", "h", "scale"), ("before", "h", "scale")], "retained late"),
    ([("after", "h", "scale"), ("tensor", "a", ""), ("accumulated", "a", "")], "node, leaf"),
    ([("tensor", "h", "add"), ("tensor", "h", "remove"), ("tensor", "h", "")], "while running"),
    ([("all", "out", "h s"), ("tensor", "h", "scale"), ("any", "out", "h y")], "several"),
    ([("before", "a", "scale"), ("after", "a", ""), ("tensor", "a", "scale")], "leaf node"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("hooks, what", WRITTEN, ids=[what for _, what in WRITTEN])
def test_chosen_mixtures_as_pytorch(torch, hooks, what):
    for how in ("backward", "create_graph", "twice", "grad"):
        assert outcome(w, hooks, how) == outcome(torch, hooks, how)


# ------------------------------------------------------------------------- without PyTorch


def test_retained_gradient_is_what_the_last_hook_has_made():
    x = w.ones(1, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.tolist() == [10] and x.grad.tolist() == [20]


def test_order_around_a_node_and_a_leaf():
    log = []
    x = w.ones(1, requires_grad=True)
    y = x * 2
    y.grad_fn.register_hook(lambda i, o: log.append("after"))
    y.grad_fn.register_prehook(lambda o: log.append("before"))
    y.register_hook(lambda g: log.append("tensor"))
    x.register_post_accumulate_grad_hook(lambda p: log.append("accumulated"))
    x.register_hook(lambda g: log.append("leaf"))
    y.sum().backward()
    assert log == ["tensor", "before", "after", "leaf", "accumulated"]


def test_handles_remove_once_and_as_blocks():
    log = []
    x = w.ones(1, requires_grad=True)
    handle = x.register_hook(lambda g: log.append(1))
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: log.append(2)):
        (x * 1).backward()
    (x * 1).backward()
    assert log == [2]


def test_only_what_leads_to_the_chosen_runs():
    ran = []

    class Noted(w.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            ran.append(1)
            return g * 2

    x, y = w.ones(1, requires_grad=True), w.ones(1, requires_grad=True)
    h = Noted.apply(x)
    w.autograd.grad(h * y, [h, y], retain_graph=True)
    assert not ran
    seen = []
    out = h * y
    out.grad_fn.register_hook(lambda gi, go: seen.append([g is None for g in gi]))
    w.autograd.grad(out, y)
    assert seen == [[True, False]] and not ran


def test_indices_are_no_edges():
    x = w.ones(3, requires_grad=True)
    y = x.gather(0, w.tensor([0, 2]))
    assert len(y.grad_fn.next_functions) == 1
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 2,))
    y.sum().backward()
    assert x.grad.tolist() == [2, 0, 2]
    z = x.gather(0, w.tensor([0, 2]))
    z.grad_fn.register_hook(lambda gi, go: (gi[0], None))
    with pytest.raises(RuntimeError, match="incorrect number of values"):
        z.sum().backward()


def test_what_hooks_return_is_checked():
    """PyTorch's error types."""
    x = w.ones(2, requires_grad=True)
    handle = x.register_post_accumulate_grad_hook(lambda p: p.grad)
    with pytest.raises(RuntimeError, match="should return None"):
        (x * 2).sum().backward()
    handle.remove()
    for register in ("register_hook", "register_prehook"):
        y = x * 2
        getattr(y.grad_fn, register)(lambda *gradients: gradients[0][0])
        with pytest.raises(TypeError, match="expected tuple"):
            y.sum().backward()


def test_nodes_tell_what_they_take_and_save():
    x = w.ones(2, requires_grad=True)
    y = x * 2
    (taken,) = y.grad_fn._input_metadata
    assert taken.shape == [2] and taken.dtype is w.float32
    assert y.grad_fn._saved_self is None  # for a gradient of 2
    assert (x * x).grad_fn._saved_self is x
