"""The page in a browser: it draws what layout.py says, opens boxes, steps, searches.

Starting a browser takes a second, so each page is asked once for all that its tests look at, by a
script that is added to it and leaves the answers in the document.
"""

import re

import pytest
from browser import answers, chromium, needs_browser
from viz.networks import Misfit, ResNet, Unrolled
from viz.test_graph import everything
from viz.test_graph import resnet as resnet_graph

import wengert
from wengert import viz

pytestmark = needs_browser


def ask(folder, g, **scripts):
    """What scripts return in the page of a graph, each run in the state in which it opens."""
    functions = ",".join(f"{name}: () => {{ {text} }}" for name, text in scripts.items())
    extra = f"""<pre id="answers"></pre><script>
      const p = window.picture, answers = {{}}, $ = s => document.querySelector(s);
      const $$ = s => [...document.querySelectorAll(s)];
      p.columned(false);
      for (const [name, f] of Object.entries({{{functions}}})) {{
        answers[name] = f();
        p.data.boxes.forEach(b => {{ p.open[b.id] = b.open; }});
        p.to(-1); p.search(""); p.setColour("kind"); p.draw();
        document.getElementById("follow").checked = false;
      }}
      document.getElementById("answers").textContent = JSON.stringify(answers);</script>"""
    page = g.html().replace("</body>", extra + "</body>")
    dom = chromium(folder, page, "", "--dump-dom")
    return answers(dom)


PLACES = """
  const found = {};
  $$("#world [data-n],#world [data-b]").forEach(el => {
    const [x, y] = el.getAttribute("transform").match(/-?[\\d.]+/g).map(Number);
    const face = el.querySelector(".face");
    const name = "n" in el.dataset ? "n" + el.dataset.n : "g" + el.dataset.b;
    found[name] = [x, y, +face.getAttribute("width"), +face.getAttribute("height")];
  });
  return found;"""

BOXES = """
  const list = () => $$("#world .head").map(e => e.textContent);
  const box = p.data.boxes.findIndex(b => b.m === "layer2.0");
  const before = list(); p.toggle(box); const after = list(); p.toggle(box);
  return [before, after, list()];"""

TRAILS = """
  p.openAll(true);
  const lost = [];
  p.data.nodes.forEach((n, v) => (n.in || []).forEach(([name, u], j) => {
    if (u === null || !$(`#world [data-n="${u}"]`)) return;
    const keys = p.trail(u, v, j);
    if (!keys.length || keys.some(k => !$(`#world [data-l="${k}"]`))) lost.push([v, j]);
  }));
  p.data.steps.forEach((s, i) => {
    p.to(i);
    if ($$("#world .card.now").length !== 1) lost.push(i);
  });
  return lost;"""

SEARCH = """
  const found = {};
  for (const q of ["convolution layer3.0", "2x4x16x16", "networks.py", "fc.weight", "no such"]) {
    p.search(q);
    const titles = [], hits = +document.body.dataset.found;
    const dim = $("#canvas").classList.contains("searching"), marked = $$("#world .hit").length;
    for (let i = 0; i < hits; i++) { p.nextHit(1); titles.push($("#panel h2").textContent); }
    found[q] = [titles, marked, dim];
  }
  p.search("");
  found[""] = $("#canvas").classList.contains("searching");
  return found;"""

COLOURS = """
  const fills = () => $$("#world .face").filter(e => e.style.fill).length;
  return ["kind", "grad", "bytes"].map(c => { p.setColour(c); return fills(); });"""

KEYS = """
  const out = [];
  const count = s => $$("#world " + s).length;
  const look = () => out.push([document.getElementById("at").textContent,
    count(".now"), count(".gin"), count(".gout"), count(".done")]);
  look();
  for (const key of "ArrowRight ArrowRight ArrowRight ArrowRight ArrowLeft Home End".split(" ")) {
    window.dispatchEvent(new KeyboardEvent("keydown", {key}));
    look();
  }
  return out;"""


@pytest.fixture(scope="module")
def resnet():
    return resnet_graph()


@pytest.fixture(scope="module")
def page(resnet, tmp_path_factory):
    inner = [s for s in resnet.steps if resnet.vertices[s["v"]].module == "layer1.0.bn1"]
    step = resnet.steps.index(inner[0])
    now = 'return $("#world .now .head").textContent'
    return ask(
        tmp_path_factory.mktemp("resnet"),
        resnet,
        places=PLACES,
        all_places="p.openAll(true);" + PLACES,
        links='return $$("#world .link").map(e => e.getAttribute("d"))',
        boxes=BOXES,
        trails=TRAILS,
        closed=f"p.to({step}); {now}",
        follow=f'document.getElementById("follow").checked = true; p.to({step}); {now}',
        search=SEARCH,
        colours=COLOURS,
        fetched='return performance.getEntriesByType("resource").map(e => e.name)',
        ready="return +document.body.dataset.ready",
        obeyed='p.obey("#step=3&open=layer2.1"); return [document.body.dataset.step,'
        ' $$("#world .frame").map(e => e.textContent).some(t => t.startsWith("1 Block"))]',
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    x = wengert.tensor([1.0, 2.0], requires_grad=True)
    text = 'p.obey("#step={}"); return document.getElementById("panel").innerText'
    return ask(
        tmp_path_factory.mktemp("small"),
        viz.graph((x * x).sum()),
        keys=KEYS,
        middle=text.format(2),
        last=text.format(3),
    )


@pytest.mark.parametrize("every", [False, True])
def test_the_page_puts_everything_where_layout_does(page, resnet, every):
    theirs = page["all_places" if every else "places"]
    opened = {b.id: every or b.opened for b in resnet.boxes}
    _, found = everything(resnet, opened)
    ours = {f"{kind}{n}": (x, y, w, h) for kind, n, _, x, y, w, h in found}
    assert set(ours) == set(theirs)
    for name, numbers in ours.items():
        assert theirs[name] == pytest.approx(numbers, abs=0.11), name


def test_links_are_those_of_the_still_picture(page, resnet):
    ours = re.findall(r'<path class="link[^"]*" d="([^"]+)"', resnet.svg())
    assert len(ours) == len(page["links"])
    for pair in zip(ours, page["links"]):
        a, b = [[float(x) for x in re.findall(r"-?[\d.]+", d)] for d in pair]
        assert a == pytest.approx(b, abs=0.21)


def test_bundles_are_drawn_as_in_the_still_picture(tmp_path):
    parts = [wengert.ones(2, requires_grad=True) * 2 for _ in range(60)]
    g = viz.graph(wengert.cat(parts).sum())
    told = ask(
        tmp_path,
        g,
        links='return $$("#world .link").map(e => e.getAttribute("d"))',
        hot='p.obey("#step=2"); return $$("#world .bundle.gout").length',
    )
    ours = re.findall(r'<path class="link[^"]*" d="([^"]+)"', g.svg())
    assert len(ours) == len(told["links"]) == 3 and told["hot"] == 1


def test_boxes_open_and_close(page):
    before, after, again = page["boxes"]
    assert before == again
    added = sum(t.startswith("Conv2d") for t in after)
    assert added == 2 + sum(t.startswith("Conv2d") for t in before)


def test_every_edge_has_its_lines_and_every_step_its_card(page):
    assert page["trails"] == []


def test_a_step_in_a_closed_box_shows_at_the_box_or_opens_it(page):
    assert page["closed"] == "layer1  ×2"
    assert page["follow"] == "BatchNorm2d"


def test_search_by_op_module_shape_line_and_parameter(page):
    found = page["search"]
    assert set(found["convolution layer3.0"][0]) == {"Conv2d"}
    assert len(found["convolution layer3.0"][0]) == 3
    assert "BatchNorm2d" in found["2x4x16x16"][0]
    assert "MaxPool2d" in found["networks.py"][0]
    assert found["fc.weight"][0] == ["fc.weight"]
    assert all(marked for titles, marked, dim in list(found.values())[:4])
    assert found["no such"] == [[], 0, True] and found[""] is False


def test_colours_by_gradient_and_by_bytes(page):
    kind, grad, saved = page["colours"]
    assert kind == 0 and grad > 5 and saved > 5


def test_the_address_says_what_to_show(page):
    assert page["obeyed"] == ["3", True]


def test_nothing_is_fetched_and_the_time_is_told(page):
    assert page["fetched"] == []
    assert page["ready"] > 0  # how much is the machine's affair


def test_stepping_forwards_and_backwards(small):
    assert small["keys"] == [
        ["backward pass: 3 steps", 0, 0, 0, 0],
        ["step 1 of 3: sum", 1, 1, 1, 0],
        ["step 2 of 3: mul", 1, 1, 2, 1],  # both operands of x * x
        ["step 3 of 3: x", 1, 2, 0, 2],
        ["step 3 of 3: x", 1, 2, 0, 2],
        ["step 2 of 3: mul", 1, 1, 2, 1],
        ["backward pass: 3 steps", 0, 0, 0, 0],
        ["step 3 of 3: x", 1, 2, 0, 2],
    ]


def test_the_panel_shows_incoming_and_outgoing_gradients(small):
    text = small["middle"]
    assert "MulBackward0" in text and "step 2 of 3" in text.lower()
    assert "incoming from sum" in text
    assert text.count("outgoing") == 2 and "lambda g, y: g * y" in text
    assert "added to .grad, the sum from mul and mul" in small["last"]


def test_a_failed_pass_opens_at_the_failure(tmp_path):
    with pytest.raises(RuntimeError), viz.record() as tape:
        Misfit()(wengert.ones(1, 1, 8, 8))
    told = ask(
        tmp_path,
        tape.graph(),
        panel='return document.getElementById("panel").innerText',
        notes='return document.getElementById("notes").innerText',
        player='return document.getElementById("player").hidden',
    )
    assert "linear failed" in told["panel"] and "input: 1×72 float32" in told["panel"]
    assert "The forward pass failed: RuntimeError" in told["notes"] and told["player"]


def pictures():
    wengert.manual_seed(0)
    x = wengert.tensor([2.0, 3.0], requires_grad=True)
    y = wengert.tensor([6.0, 4.0], requires_grad=True)
    yield "small", viz.graph((3 * x**3 - y**2).sum()), "step=3"
    model = Unrolled()
    with viz.record():
        loss = model(wengert.randn(6, 2, 3))
    yield "loop", viz.graph(loss), ""
    net = ResNet((4, 6, 8, 10))
    with viz.record():
        loss = net(wengert.randn(2, 3, 32, 32)).mean()
    yield "dark", viz.graph(loss), "theme=dark&open=all&colour=grad"


def test_screenshots_are_pictures(tmp_path):
    images = pytest.importorskip("PIL.Image")
    for name, g, address in pictures():
        shot = tmp_path / f"{name}.png"
        options = (f"--screenshot={shot}", "--virtual-time-budget=2000")
        chromium(tmp_path, g.html(), address, *options)
        picture = images.open(shot).convert("RGB")
        assert picture.size == (1400, 900)
        stage = picture.crop((0, 60, 1040, 840))
        colours = stage.getcolors(maxcolors=1 << 20)
        paper = max(colours)[0] / (stage.width * stage.height)
        assert len(colours) > 60 and 0.2 < paper < 0.97, name
        dark = sum(max(colours)[1]) < 150
        assert dark == (name == "dark")
