"""What stands in the picture: nodes, names, facts, boxes, folds, coordinates."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from viz.networks import ResNet, Unrolled

import wengert
from wengert import nn, viz
from wengert.nn import functional as F

PAGE = Path(__file__).resolve().parents[2] / "docs" / "graph.md"


def here():
    """The line this is called from."""
    return sys._getframe(1).f_lineno


def by_title(g, title):
    found = [v for v in g.vertices if v.title == title]
    assert len(found) == 1, [v.title for v in g.vertices]
    return found[0]


def boxes(g):
    return {b.path or b.label: b for b in g.boxes}


def resnet():
    wengert.manual_seed(0)
    model = ResNet((4, 6, 8, 10))
    with viz.record():
        loss = F.cross_entropy(model(wengert.randn(2, 3, 32, 32)), wengert.tensor([1, 2]))
    return viz.graph(loss)


def test_the_example_of_the_front_page():
    x = wengert.ones(2, 2, requires_grad=True)
    z = (x**2 * 3).mean()
    line = here() - 1
    g = viz.graph(z)
    assert [v.title for v in g.vertices] == ["x", "pow", "mul", "mean", "z"]
    assert [v.kind for v in g.vertices] == ["leaf", "op", "op", "op", "output"]
    power = by_title(g, "pow")
    assert (power.full, power.shape, power.dtype) == ("PowBackward0", "2×2", "float32")
    assert power.place[0] == __file__ and power.place[1] == line
    assert power.place[3].startswith("z = (x**2 * 3)")
    assert [(i.name, i.vertex) for i in power.inputs] == [("input", 0), ("other", None)]
    notes = {s["n"]: s.get("note") for s in power.saved}
    assert notes["input"] == "a leaf's own memory"  # and so not counted
    assert by_title(g, "mul").bytes == 20  # x ** 2 and 3
    assert by_title(g, "mul").rules[0] == ("input", "g · other", "lambda g, y: g * y")
    assert by_title(g, "z").value == [3.0]
    assert repr(g) == "<viz.Graph: 3 operations, 1 leaf, 20 B saved for the backward pass>"


def test_names_come_from_the_variables_and_from_what_is_given():
    weights = [wengert.ones(2, requires_grad=True), wengert.ones(2, requires_grad=True)]
    hidden = weights[0] * 2
    total = (hidden * weights[1]).sum()
    titles = [v.title for v in viz.graph(total).vertices]
    assert titles[:2] == ["weights[0]", "weights[1]"]
    assert [v.name for v in viz.graph(total).vertices][2] == "hidden"
    given = viz.graph(total, {"a": weights[0], "b": weights[1]})
    assert [v.title for v in given.vertices][:2] == ["a", "b"]


def test_parameters_are_named_by_the_module_and_stand_in_the_card_of_their_op():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    with viz.record():
        out = model(wengert.ones(2, 3)).sum()
    g = viz.graph(out, model)
    leaves = {v.title: v.id for v in g.vertices if v.kind == "leaf"}
    assert set(leaves) == {"0.weight", "0.bias"}
    op = by_title(g, "Linear")
    assert set(op.chips) == set(leaves.values())
    assert op.role == "0" and op.module == "0"
    assert leaves["0.weight"] not in g.cards


def test_all_nodes_of_the_graph_are_there():
    g = resnet()
    model = ResNet()
    assert sum(v.kind == "leaf" for v in g.vertices) == len(list(model.parameters()))
    assert sum(v.title == "Conv2d" for v in g.vertices) == 20
    drawn = [n for rows in g.rows.values() for row in rows.rows for k, n in row if k == "n"]
    chips = [c for v in g.vertices for c in v.chips]
    assert sorted([*drawn, *chips]) == [v.id for v in g.vertices]


def test_modules_are_boxes_and_equal_blocks_are_folded():
    found = boxes(resnet())
    assert found["layer1"].kind == "fold" and found["layer1"].times == 2
    assert [m.path for m in found["layer1"].members] == ["layer1.0", "layer1.1"]
    assert found["layer2"].kind == "module"  # its blocks differ
    assert found["layer2.0.downsample"].parent is found["layer2.0"]
    assert found["layer2.0.downsample"].note == "Sequential"
    assert len(found["layer2.0"].vertices()) == 9


def test_a_loop_is_folded():
    wengert.manual_seed(0)
    model = Unrolled()
    with viz.record():
        loss = model(wengert.randn(9, 2, 3))
    (fold,) = [b for b in viz.graph(loss).boxes if b.kind == "fold"]
    assert fold.times == 9
    assert len({len(turn.vertices()) for turn in fold.members}) == 1
    assert sum(m.kind == "leaf" for m in fold.parent.members) == 6  # shared by all turns
    w = wengert.eye(2, requires_grad=True)
    h = wengert.ones(2)
    for _ in range(50):
        h = wengert.tanh(w @ h)
    (fold,) = [b for b in viz.graph(h.sum()).boxes if b.kind == "fold"]
    assert fold.times == 50 and fold.label == "mv, tanh"


def test_without_a_recording_boxes_are_guessed():
    model = ResNet((4, 6, 8, 10))
    loss = model(wengert.randn(2, 3, 32, 32)).sum()
    g = viz.graph(loss)
    assert {"layer1", "layer2.0.downsample"} <= set(boxes(g))
    assert "guessed" in g.notes[0]
    model = Unrolled()
    g = viz.graph(model(wengert.randn(3, 2, 3)))
    assert [b.path for b in g.boxes if b.path] == []  # head and cell take turns


def test_a_graph_of_thousands_opens_as_a_few_cards():
    wengert.manual_seed(0)
    x = [wengert.ones(2, requires_grad=True)]
    for i in range(3000):
        x.append(
            x[-1] * x[-(i * 7919 % min(13, len(x))) - 1] if i % 3 else (x[-1] + x[i // 2]).sin()
        )
    g = viz.graph(x[-1].sum(), backward=False)
    assert sum(v.kind == "op" for v in g.vertices) > 3000
    assert max(len(b.members) for b in g.boxes) <= 64
    placing = g.placing()
    cards = [
        n
        for b, rows in placing.rows.items()
        if placing.opened[b]
        for row in rows.rows
        for kind, n in row
        if kind == "n" or kind == "g" and not placing.opened[n]
    ]
    assert len(cards) <= 64


def everything(g, opened):
    """(name, x, y, w, h, frame) of all cards and boxes."""
    placing = g.placing()
    placing.opened = opened
    found = []

    def walk(box, p, x0, y0):
        for r, row in enumerate(g.rows[box].rows):
            for i, (kind, n) in enumerate(row):
                w, h = p.size[r][i]
                x, y = x0 + p.x[r][i] - w / 2, y0 + p.y[r]
                if kind in "ng":
                    found.append((kind, n, box, x, y, w, h))
                if kind == "g" and opened[n]:
                    walk(n, p.inner[n], x, y)

    p = placing.place(0)
    walk(0, p, 0, 0)
    return p, found


@pytest.mark.parametrize("every", [False, True])
def test_cards_do_not_overlap_and_stay_in_their_box(every):
    g = resnet()
    opened = {b.id: every or b.opened for b in g.boxes}
    whole, found = everything(g, opened)
    frames = {n: (x, y, w, h) for kind, n, _, x, y, w, h in found if kind == "g"}
    frames[0] = (0, 0, whole.w, whole.h)
    for _, _, box, x, y, w, h in found:
        fx, fy, fw, fh = frames[box]
        assert x >= fx - 0.01 and y >= fy - 0.01
        assert x + w <= fx + fw + 0.01 and y + h <= fy + fh + 0.01
    for i, (_, _, box, x, y, w, h) in enumerate(found):
        for _, _, other, x2, y2, w2, h2 in found[i + 1 :]:
            if box == other:
                assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_values_flow_down():
    g = resnet()
    _, found = everything(g, {b.id: True for b in g.boxes})
    top = {n: y for kind, n, _, _, y, _, _ in found if kind == "n"}
    for v in g.vertices:
        for i in v.inputs:
            if v.id in top and i.vertex in top:
                assert top[i.vertex] < top[v.id]


def test_rows_connect_what_the_graph_connects():
    x = wengert.ones(2, requires_grad=True)
    y = x * x
    g = viz.graph(y.sum())
    assert [v for _, _, _, v in g.rows[0].links].count(0) == 2  # both operands


def test_many_lines_are_bundled_and_many_shared_leaves_boxed():
    leaves = [wengert.ones(2, requires_grad=True) for _ in range(60)]
    g = viz.graph(wengert.cat([p * 2 for p in leaves]).sum())
    assert g.svg().count('<path class="link') == 3 and g.svg().count(" bundle") == 1
    total = sum(p * q for p, q in zip(leaves, leaves[1:] + leaves[:1]))
    (box,) = [b for b in viz.graph(total).boxes if b.label == "60 leaves"]
    assert {v.kind for v in box.vertices()} == {"leaf"}


def test_special_nodes():
    x = wengert.ones(4, requires_grad=True)
    y = x * 2
    y[1:3] = y[:2] * 3
    a, b = y.split(2)

    class Double(wengert.autograd.Function):
        @staticmethod
        def forward(ctx, one, two):
            ctx.save_for_backward(one)
            return one * 2, two * 2

        @staticmethod
        def backward(ctx, g, h):
            return g * 2, h * 2

    c, d = Double.apply(a, b)
    g = viz.graph([c.sum(), d.sum()])
    titles = [v.title for v in g.vertices]
    assert "setitem" in titles and "Double" in titles
    double = by_title(g, "Double")
    assert [i.name for i in double.inputs] == ["one", "two"]
    assert double.others == ["2"] and double.family == "custom"
    assert sorted(i.index for v in g.vertices for i in v.inputs if v.title == "sum") == [0, 1]
    assert len(g.steps) == sum(v.kind != "output" for v in g.vertices)


def test_dtypes_of_all_sorts():
    x = wengert.ones(70, dtype=wengert.bfloat16, requires_grad=True)
    z = wengert.ones(3, dtype=wengert.complex64, requires_grad=True)
    g = viz.graph({"low": (x * x).sum(), "complex": (z * z).abs().sum()})
    assert {v.dtype for v in g.vertices} >= {"bfloat16", "complex64", "float32"}
    assert [v.title for v in g.vertices if v.kind == "output"] == ["low", "complex"]
    assert "nan" not in g.html().split('id="data">')[1][:200]


def test_a_leaf_alone_and_an_empty_tensor():
    x = wengert.ones(2, requires_grad=True)
    assert [v.kind for v in viz.graph(x).vertices] == ["leaf", "output"]
    empty = wengert.ones(0, 3, requires_grad=True)
    assert viz.graph((empty * 2).sum()).svg()


def test_the_svg_is_a_document_of_its_own():
    g = resnet()
    root = ElementTree.fromstring(g.svg())
    text = " ".join(root.itertext())
    for word in ("Conv2d", "layer1", "×2", "layer2", "loss"):
        assert word in text
    assert root.attrib["viewBox"].startswith("0 0 ")


def test_the_page_is_one_file_without_network(tmp_path):
    g = resnet()
    page = g.save(tmp_path / "graph.html").read_text(encoding="utf-8")
    without = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|\bsrc=|@import|url\((?!#)", without)
    assert "{{" not in page.split('id="data">')[0]
    assert g.save(tmp_path / "graph.svg").read_text(encoding="utf-8") == g.svg()
    with pytest.raises(ValueError, match="name a file .html or .svg"):
        g.save(tmp_path / "graph.png")


def test_text_of_the_user_does_not_break_the_page():
    x = wengert.ones(2, requires_grad=True)
    g = viz.graph((x * 2).sum(), {"</script><b>&\"'{{CSS}}": x})
    data = g.html().split('type="application/json" id="data">')[1].split("</script>")[0]
    assert "\\u003cb>" in data
    ElementTree.fromstring(g.svg())


def test_a_notebook_shows_the_still_picture_and_the_page():
    x = wengert.ones(2, requires_grad=True)
    g = viz.graph((x * 2).sum())
    assert g._repr_svg_() == g.svg()
    assert g.svg() in g._repr_html_() and "<iframe srcdoc=" in g._repr_html_()


def test_show_opens_a_browser(monkeypatch):
    import webbrowser

    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    path = viz.graph((wengert.ones(2, requires_grad=True) * 2).sum()).show()
    assert opened == [path.as_uri()] and path.exists()


def test_wrong_input():
    x = wengert.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="output 0 is int"):
        viz.graph(3)
    with pytest.raises(TypeError, match=r"outputs\['a'\] is str"):
        viz.graph({"a": "b"})
    with pytest.raises(ValueError, match="no outputs"):
        viz.graph([])
    with pytest.raises(RuntimeError, match="does not require grad"):
        viz.graph(wengert.ones(2))
    with pytest.raises(RuntimeError, match="gradient of shape"):
        viz.graph(x * 2, gradient=wengert.ones(3))
    with pytest.raises(RuntimeError, match="1 outputs and 2 gradients"):
        viz.graph(x * 2, gradient=[wengert.ones(2)] * 2)
    with pytest.raises(TypeError, match="must be a Tensor"):
        viz.graph(x * 2, gradient=[3])
    with pytest.raises(TypeError, match="params must give tensors"):
        viz.graph(x * 2, {"x": 3})


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")
def test_the_documentation_runs_from_top_to_bottom(tmp_path, monkeypatch, keep_rng):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    assert (tmp_path / "graph.html").exists() and (tmp_path / "graph.svg").exists()
    assert [b.label for b in names["modules"].boxes] == ["", "model"]
    assert names["failed"].failure is not None


def test_what_is_written_into_a_view_is_called_as_it_was_written():
    w = wengert.ones(3, 4, requires_grad=True)
    y = w * 2
    y[0] = 0
    g = viz.graph(nn.functional.conv_transpose1d(y[None], wengert.ones(3, 1, 2)).sum())
    titles = [v.title for v in g.vertices]
    assert titles[:5] == ["w", "mul", "getitem", "setitem", "setitem"], titles
    assert [v.family for v in g.vertices if v.full == "CopySlices"] == ["movement"]


def test_modules_that_are_called_by_name_have_it():
    generator, critic = nn.Sequential(nn.Linear(2, 2), nn.Tanh()), nn.Sequential(
        nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)
    )  # fmt: skip
    with viz.record() as tape:
        loss = critic(generator(wengert.ones(3, 2))).sum()
    assert [(c.label, c.brief) for c in tape.calls if not c.depth] == [
        ("generator", "Sequential"), ("critic", "Sequential"),
    ]  # fmt: skip
    assert "graph() draws" in repr(tape) and loss.numel() == 1


def test_a_variable_is_not_the_function_of_its_name():
    t = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    y = t(wengert.ones(2, 3))
    assert {"linear", "relu"} <= {v.title for v in viz.graph(y).vertices}
