"""Functions made from text: the second time their code comes from disk, and tells its own title."""

import traceback

import pytest

from wengert.base import generated

LINES = [
    "def outer(x):",
    " def inner(y):",
    "  return [1 / z for z in (y, x)]",
    " return inner",
    "# " + "long enough to be kept " * 30,
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path / "code"))
    return tmp_path / "code"


@pytest.fixture
def compiled(monkeypatch):
    texts = []

    def spy(text, *args):
        texts.append(text)
        return compile(text, *args)

    monkeypatch.setattr(generated, "compile", spy, raising=False)
    return texts


def files(f):
    with pytest.raises(ZeroDivisionError) as error:
        f(0)(1)
    found = traceback.extract_tb(error.tb)[1:]
    assert {x.line for x in found} == {"return [1 / z for z in (y, x)]"}
    return {x.filename for x in found}


def test_code_is_found_on_disk_and_told_by_its_own_title(folder, compiled):
    first = generated.functions("first title", LINES, {})["outer"]
    assert len(compiled) == 1 and len(list(folder.iterdir())) == 1
    second = generated.functions("second title", LINES, {})["outer"]
    assert len(compiled) == 1
    assert first(2)(4) == second(2)(4) == [0.25, 0.5]
    assert files(first) == {"<wengert first title>"}
    assert files(second) == {"<wengert second title>"}
    assert second.__code__.co_filename == "<wengert second title>"


def test_another_text_is_another_function(folder, compiled):
    generated.functions("a text", LINES, {})
    other = [LINES[0], LINES[1], "  return [2 / z for z in (y, x)]", *LINES[3:]]
    assert generated.functions("a text", other, {})["outer"](2)(4) == [0.5, 1.0]
    assert len(compiled) == 2


def test_damaged_code_is_made_again(folder, compiled):
    generated.functions("cut", LINES, {})
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert generated.functions("cut again", LINES, {})["outer"](2)(4) == [0.25, 0.5]
    assert generated.functions("and once more", LINES, {})["outer"](2)(4) == [0.25, 0.5]
    assert len(compiled) == 2


def test_nothing_is_kept_where_the_cache_is_off(compiled, monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE_DIR", "")
    for title in ("off", "still off"):
        assert generated.functions(title, LINES, {})["outer"](2)(4) == [0.25, 0.5]
    assert len(compiled) == 2
