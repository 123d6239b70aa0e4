"""What notebooks show, in a browser: no errors, nothing on top of anything, narrow and wide."""

import pytest
from browser import CATCH, looked_at, needs_browser

import wengert as T
from wengert import nn, viz
from wengert.train import progress

PAGE = """<!doctype html><html><head>{catch}<meta charset="utf-8">
<link rel="icon" href="data:,"></head>
<body style="margin:12px; font:14px sans-serif; {colours}">{shown}</body></html>"""
DARK = "background:#111; color:#eee; color-scheme:dark"


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Sequential(nn.Linear(32, 16), nn.Dropout(0.1), nn.Linear(16, 4)),
    )  # fmt: skip


def displays():
    """What is shown, by name: everything that has a form for notebooks."""
    model, x = network(), T.randn(2, 3, 8, 8)
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)
    model(x).sum().backward()
    optimizer.step()
    bar = progress(range(10), "batches")
    next(iter(bar))
    with viz.record() as tape:
        loss = model(x).sum()
    tensors = {
        "number": T.tensor(2.5), "vector": T.randn(100), "matrix": T.randn(40, 30) * 1e4,
        "batch": T.randn(2, 3, 12, 12), "odd": T.tensor([[1.0, T.nan], [T.inf, -2e-30]]),
        "complex": T.randn(3, 3, dtype=T.complex64), "bools": T.ones(4, 4, dtype=T.bool),
        "empty": T.zeros(0, 3), "loss": loss,
    }  # fmt: skip
    others = {
        "module": model, "optimizer": optimizer, "summary": T.summary(model, x), "bar": bar,
        "heatmap": viz.heatmap(T.randn(20, 40)), "image": viz.image(T.rand(6, 3, 12, 12)),
        "record": tape,
    }  # fmt: skip
    return tensors | others


@needs_browser
@pytest.mark.parametrize("width", [1100, 420])
def test_nothing_covers_anything(tmp_path, width):
    T.manual_seed(0)
    pages = []
    shown = {name: thing._repr_html_() for name, thing in displays().items()}
    for theme, colours in (("light", ""), ("dark", DARK)):
        for name, text in shown.items():
            text = text.replace("<details", "<details open")
            page = PAGE.format(catch=CATCH, colours=colours, shown=text)
            pages.append(f"{name}-{theme}.html")
            (tmp_path / pages[-1]).write_text(page, encoding="utf-8")
    found = looked_at(tmp_path, pages, width)
    bad = {page: wrong[:5] for page, wrong in found.items() if wrong}
    assert not bad, bad
