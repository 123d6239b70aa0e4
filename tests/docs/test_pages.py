"""The pages of the documentation run from top to bottom, and the reference has all it promises."""

import importlib.util
import re
from pathlib import Path

import pytest
from launching import launch

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "index.md", ROOT / "docs" / "start.md"]
PAGES += [ROOT / "docs" / "tour.md"]
PAGES += sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def test_the_tutorials_are_all_there():
    names = [p.stem for p in PAGES]
    assert {"start", "autograd", "data", "layers", "training", "saving", "devices"} <= set(names)


@pytest.mark.parametrize("page", PAGES, ids=[p.stem for p in PAGES])
def test_a_page_runs(page, tmp_path, monkeypatch, keep_rng):
    text = page.read_text(encoding="utf-8")
    if "from sklearn" in text:
        pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names = {"__name__": "page"}
    for block in blocks:
        exec(block, names)


def test_the_chapter_on_the_engine_quotes_what_is_there():
    text = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    quoted = re.search(r"```text\n(@primitive.*?)```", text, re.DOTALL)[1]
    source = (ROOT / "wengert" / "ops" / "math" / "arithmetic.py").read_text(encoding="utf-8")
    source = source.replace(" ", "").replace("\n", "")
    head = quoted[: quoted.index('"""')] + '"""Product of x and y, with broadcasting.'
    for part in (head, quoted[quoted.index("mul.vjp") :]):
        assert part.replace(" ", "").replace("\n", "") in source


def test_the_first_program_of_the_page_on_processes_runs(tmp_path):
    pytest.importorskip("mpi4py")
    text = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
    program = tmp_path / "train.py"
    program.write_text(re.search(r"```python\n(# train\.py.*?)```", text, re.DOTALL)[1])
    outcome = launch(2, program)
    assert outcome.code == 0, outcome.output
    losses = [line for line in outcome.output.splitlines() if re.match(r"[012] \d", line)]
    assert len(losses) == 3


def test_the_program_on_large_models_runs(tmp_path):
    pytest.importorskip("mpi4py")
    text = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
    program = tmp_path / "fsdp.py"
    source = re.search(r"```python\n(# fsdp\.py.*?)```", text, re.DOTALL)[1]
    program.write_text(source.replace('"checkpoint"', f'"{tmp_path}/checkpoint"'))
    outcome = launch(2, program)
    assert outcome.code == 0, outcome.output
    assert re.search(r"loss \d", outcome.output)


def test_the_tour_says_how_long_the_folders_are():
    tour = (ROOT / "docs" / "tour.md").read_text()
    said = re.findall(r"^\| `(\w+)/` \| [^|]+ \| ([\d,]+) \|", tour, re.MULTILINE)
    assert len(said) == 8
    for folder, lines in said:
        files = (ROOT / "wengert" / folder).rglob("*.py")
        there = sum(len(file.read_text().splitlines()) for file in files)
        assert int(lines.replace(",", "")) == pytest.approx(there, rel=0.15), (folder, there)


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool.pages()


def test_the_reference_describes_every_function(reference):
    text = "\n".join(page for _, page in reference.values())
    for name in ("abs", "conv2d", "nn.functional.relu", "linalg.svd", "fft.rfft", "special.erf"):
        assert f"\n## torch.{name}\n" in text, name
    for name in ("nn.Conv2d", "optim.Adam", "utils.data.DataLoader", "func.vmap"):
        assert f"\n## torch.{name}\n" in text, name
    assert text.count("\n## ") > 1200


def test_an_entry_has_arguments_an_example_its_gradient_and_its_place(reference):
    entry = re.search(r"\n## torch\.cosh\n(.*?)\n## ", reference["torch-math"][1], re.DOTALL)[1]
    assert "cosh(Tensor input, *, out=None) -> Tensor" in entry
    assert "- `input`: any shape." in entry
    assert "- gradient of input: g · sinh(input)" in entry
    assert "wengert/ops/math/unary.py" in entry


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("abs", "- gradient of input: g · sgn(input)"),  # a function in front of an op
        ("cumsum", "Gradient of `input`:\n\n```python\ndef "),  # a rule of several lines
        ("isnan", "Not differentiable"),
        ("std_mean", "Composed of `std`, "),
    ],
)
def test_an_entry_says_how_it_is_differentiated(reference, name, told):
    pages = "\n".join(page for _, page in reference.values())
    assert told in re.search(rf"\n## torch\.{name}\n(.*?)\n## ", pages, re.DOTALL)[1]


def test_text_of_docstrings_is_not_taken_for_markup(reference):
    assert "(\\*, n, m)" in "".join(page for _, page in reference.values())
