"""The page as people see it: nothing on top of anything, nothing too small to read, no errors.

Eight networks, at the size of a laptop and of a phone, light and dark; geometry, not pixels.
"""

from html import escape

import pytest
from browser import answers, chromium, needs_browser
from viz.networks import Misfit, ResNet, Unrolled

import wengert
from wengert import nn, viz
from wengert.nn import functional as F

pytestmark = needs_browser


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16))
        self.norm = nn.LayerNorm(16)

    def forward(self, x):
        return self.norm(x + self.f(x))


def recorded(make):
    with viz.record():
        loss = make()
    return viz.graph(loss)


def powers():
    x = wengert.ones(2, 2, requires_grad=True)
    return viz.graph((x**2 * 3).mean())


def broadcast():
    a, b = wengert.randn(4, 3, requires_grad=True), wengert.randn(3, requires_grad=True)
    return viz.graph(((a + b) * b).sum())


def perceptron():
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    x, y = wengert.randn(32, 784), wengert.randint(0, 10, (32,))
    return recorded(lambda: F.cross_entropy(model(x), y))


def residual():
    model, x = Residual(), wengert.randn(4, 16)
    return recorded(lambda: model(x).pow(2).mean())


def resnet():
    model, x = ResNet((8, 16, 32, 64)), wengert.randn(2, 3, 64, 64)
    return recorded(lambda: F.cross_entropy(model(x), wengert.tensor([1, 2])))


def transformer():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    return recorded(lambda: model(wengert.randn(2, 5, 32)).mean())


def loop():
    model = Unrolled()
    return recorded(lambda: model(wengert.randn(6, 2, 3)))


def failure():
    with pytest.raises(RuntimeError), viz.record() as tape:
        Misfit()(wengert.randn(4, 1, 8, 8))
    return tape.graph()


NETWORKS = [powers, broadcast, perceptron, residual, resnet, transformer, loop, failure]

LOOK = """
  const p = window.picture, $$ = s => [...document.querySelectorAll(s)], wrong = [];
  const rect = el => el.getBoundingClientRect();
  const meet = (a, b, by = 1.5) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > by
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > by;
  const cards = () => $$("#world .card .face,#world .lid .face");
  const name = el => (el.closest("g").querySelector(".head") || el).textContent;
  const look = when => {
    const all = cards(), rects = all.map(rect);
    for (let i = 0; i < all.length; i++) for (let j = 0; j < i; j++)
      if (meet(rects[i], rects[j])) wrong.push(`${when}: cards ${name(all[i])} and ${name(all[j])}`);
    const amounts = $$("#world .amount"), places = amounts.map(rect);
    places.forEach((a, i) => {
      rects.forEach((b, j) => { if (meet(a, b, 3)) wrong.push(`${when}: ${amounts[i].textContent} over ${name(all[j])}`); });
      for (let j = 0; j < i; j++) if (meet(a, places[j], 3)) wrong.push(`${when}: amounts ${i} and ${j}`);
    });
    $$("#world .frame text.head").forEach(t => {
      const r = rect(t);
      $$("#world .link").forEach(path => {
        const m = path.getScreenCTM(), length = path.getTotalLength();
        for (let s = 0; s <= length; s += 4) {
          const q = path.getPointAtLength(s), x = q.x * m.a + m.e, y = q.y * m.d + m.f;
          if (x > r.left && x < r.right && y > r.top + 2 && y < r.bottom - 2) { wrong.push(`${when}: a line through ${t.textContent}`); return; }
        }
      });
    });
    $$("#world text").forEach(t => {
      const size = parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a;
      if (size < 10.99) wrong.push(`${when}: ${size} px: ${t.textContent}`);
    });
    $$("#world .card text.head,#world .card text.line,#world .lid text").forEach(t => {
      const face = rect(t.closest("g").querySelector(".face")), r = rect(t);
      if (r.right > face.right + 2) wrong.push(`${when}: ${t.textContent} leaves its card`);
    });
  };
  look("opened");
  const many = p.data.steps.length;
  for (const s of [1, 2, Math.ceil(many / 2), many].filter(s => s && s <= many)) { p.to(s - 1); look("step " + s); }
  p.to(-1);
  p.columned(false); look("one below the other"); p.columned(true);
  $$("header *,footer *,#panel *,#legend *").forEach(el => {
    if (!el.childElementCount && el.textContent.trim() && rect(el).width && parseFloat(getComputedStyle(el).fontSize) < 10.99) wrong.push("small: " + el.textContent);
  });
  if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push("the page is wider than the window");
  $$("header button,footer button,#at,#find").forEach(el => {
    const r = rect(el);
    if (r.width && (r.right > innerWidth + 1 || r.left < -1)) wrong.push("outside: " + (el.textContent || el.id));
  });
  const stage = rect(document.getElementById("stage"));
  if (stage.height < 200) wrong.push("little is left for the graph: " + stage.height);
  return [...window.errors, ...wrong];
"""  # noqa: E501


def looked_at(folder, graph, size, theme):
    """What is wrong with the page of a graph at a size."""
    catch = "<script>window.errors=[];addEventListener('error',e=>errors.push(e.message));</script>"
    answer = f"""<pre id="answers" hidden></pre><script>
      document.getElementById("answers").textContent = JSON.stringify((() => {{{LOOK}}})());
      </script></body>"""
    page = graph.html().replace("<head>", f"<head>{catch}", 1).replace("</body>", answer)
    page = page.replace('class="wz page"', f'class="wz page {theme}"')
    w, h = size
    frame = f"""<!doctype html><body style="margin:0">
      <iframe srcdoc="{escape(page)}" style="border:0" width="{w}" height="{h}"></iframe>
      <pre id="found"></pre><script>
      addEventListener("load", () => {{ document.getElementById("found").textContent =
        document.querySelector("iframe").contentDocument.getElementById("answers").textContent; }});
      </script>"""
    dom = chromium(folder, frame, "", "--dump-dom")
    return answers(dom, "found")


@pytest.mark.parametrize("make", NETWORKS, ids=lambda f: f.__name__)
def test_nothing_covers_anything(tmp_path, make):
    wengert.manual_seed(0)
    graph = make()
    for size, theme in (((1440, 900), "light"), ((390, 844), "dark")):
        assert looked_at(tmp_path, graph, size, theme) == [], (size, theme)
