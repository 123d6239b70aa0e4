"""Recording modules, and the graph of a forward pass that failed."""

import threading

import pytest
from viz.networks import Misfit

import wengert
from wengert import nn, viz
from wengert.nn.hooks import GLOBAL


def failed(model, x):
    with pytest.raises(RuntimeError), viz.record() as tape:
        model(x)
    return tape


def test_calls_and_what_they_cover():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)))
    with viz.record() as tape:
        out = model(wengert.ones(1, 2))
    assert [c.path for c in tape.calls] == ["", "0", "1", "1.0", "1.1"]
    assert [c.label for c in tape.calls] == ["model", "0", "1", "0", "1"]
    assert tape.calls[1].brief == "Linear(2 -> 3)"
    outer, inner = tape.calls[2], tape.calls[4]
    assert outer.start < inner.start < inner.end < outer.end
    assert inner.start < out.grad_fn.seq < inner.end


def test_recording_leaves_nothing_behind():
    before = [len(table) for table in (GLOBAL.forward, GLOBAL.forward_pre)]
    failed(Misfit(), wengert.ones(1, 1, 8, 8))
    with viz.record():
        assert len(GLOBAL.forward) == before[0] + 1
    assert [len(table) for table in (GLOBAL.forward, GLOBAL.forward_pre)] == before


def test_a_recording_can_be_drawn_before_its_block_ends():
    model = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1))
    with viz.record():
        g = viz.graph(model(wengert.ones(1, 2)).sum())
    assert ("model", "Sequential") in [(b.label, b.note) for b in g.boxes]


def test_a_module_called_twice_is_two_boxes():
    layer = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    with viz.record():
        h = layer(wengert.ones(1, 3))
        out = layer(h * 2).sum()
    found = [b for b in viz.graph(out).boxes if b.kind == "module"]
    assert [[v.title for v in b.vertices()] for b in found] == [
        ["input", "Linear", "Tanh"], ["Linear", "Tanh"]
    ]  # fmt: skip


def test_other_threads_are_not_recorded():
    layer = nn.Linear(2, 2)
    with viz.record() as tape:
        thread = threading.Thread(target=layer, args=(wengert.ones(1, 2),))
        thread.start()
        thread.join()
    assert tape.calls == []


def test_recordings_within_each_other_draw_each_call_once():
    layer = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    with viz.record(), viz.record() as inner:
        out = layer(wengert.ones(1, 3)).sum()
    assert [c.path for c in inner.calls] == ["", "0", "1"]
    assert [b.kind for b in viz.graph(out).boxes] == ["root", "module"]


def test_parameters_of_a_module_that_no_variable_holds():
    with viz.record():
        out = nn.Sequential(nn.Linear(2, 2), nn.Tanh())(wengert.ones(1, 2)).sum()
    titles = {v.title for v in viz.graph(out).vertices if v.kind == "leaf"}
    assert titles == {"0.weight", "0.bias"}


def test_a_failed_pass_shows_what_there_was():
    g = failed(Misfit(), wengert.ones(1, 1, 8, 8)).graph()
    last = g.vertices[-1]
    assert last.kind == "failure" and last.title == "linear failed"
    assert last.module == "fc"
    assert "input: 1×72 float32" in last.lines and "weight: 3×10 float32" in last.lines
    assert last.place[3] == "return self.fc(h.flatten(1))"
    (source,) = last.inputs
    assert g.vertices[source.vertex].title == "flatten"
    assert {v.title for v in g.vertices} >= {"Conv2d", "ReLU", "flatten"}
    marked = {b.label for b in g.boxes if b.failed}
    assert marked == {"model", "fc"}
    assert all(b.opened for b in g.boxes if b.failed)
    assert g.steps == [] and "RuntimeError" in g.notes[0]
    assert "failed: RuntimeError" in repr(g)
    assert "linear failed" in g.svg() and "linear failed" in g.html()


def test_temporaries_that_no_variable_holds_are_found():
    a = wengert.ones(2, 3, requires_grad=True)
    b = wengert.ones(4, requires_grad=True)

    def forward():
        return a.exp().tanh() * b.sin()

    with pytest.raises(RuntimeError), viz.record() as tape:
        forward()
    g = tape.graph()
    titles = [v.title for v in g.vertices]
    assert titles == ["a", "b", "exp", "tanh", "sin", "mul failed"]
    assert {g.vertices[i.vertex].title for i in g.vertices[-1].inputs} == {"tanh", "sin"}


def test_an_error_of_the_users_own_line():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2)

        def forward(self, x):
            self.last = self.a(x)
            raise KeyError("nothing")

    with pytest.raises(KeyError), viz.record() as tape:
        Own()(wengert.ones(1, 2))
    last = tape.graph().vertices[-1]
    assert last.title == "KeyError failed" or last.title == "KeyError"
    assert last.place[3] == 'raise KeyError("nothing")' and last.inputs == []


def test_a_failure_before_any_node():
    with pytest.raises(RuntimeError), viz.record() as tape:
        wengert.ones(2) + wengert.ones(3)
    (only,) = tape.graph().vertices
    assert only.title == "add failed"
    assert tape._repr_html_()


def test_leaving_by_an_interrupt_closes_all_calls():
    class Stop(nn.Module):
        def forward(self, x):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), viz.record() as tape:
        nn.Sequential(Stop())(wengert.ones(1))
    assert [c.failed for c in tape.calls] == [True, True]
    assert all(c.end > c.start for c in tape.calls)


def test_wrong_use():
    with viz.record() as tape:
        y = wengert.ones(1, requires_grad=True) * 2
    assert [v.title for v in tape.graph().vertices] == ["leaf", "mul", "y"]  # draws its result
    assert "<svg" in tape._repr_html_()
    with viz.record() as empty:
        wengert.ones(1) * 2
    with pytest.raises(ValueError, match="say which tensor's graph"):
        empty.graph()
    assert empty._repr_html_() is None
    assert [v.kind for v in tape.graph(y).vertices] == ["leaf", "op", "output"]
    assert tape.graph(y).vertices[-1].title == "y"
    with pytest.raises(RuntimeError, match="has been used"), tape:
        pass
