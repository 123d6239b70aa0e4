"""torch.hub: models of a folder, files of the cache, and what is said about what is not there."""

import pytest

import wengert as w


@pytest.fixture
def cache(tmp_path):
    before = w.hub.get_dir()
    w.hub.set_dir(tmp_path)
    yield tmp_path
    w.hub.set_dir(before)


def test_models_of_a_folder(tmp_path):
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['json']\nimport torchless\n\n\ndef net(n, bias=True):\n"
        "    'A layer.'\n    return torchless.layer(n, bias)\n"
    )
    (tmp_path / "torchless.py").write_text("def layer(n, bias):\n    return n, bias\n")
    folder = str(tmp_path)
    assert w.hub.load(folder, "net", 3, source="local", bias=False) == (3, False)
    assert w.hub.list(folder, source="local") == ["net"]
    assert w.hub.help(folder, "net", source="local") == "A layer."
    with pytest.raises(RuntimeError, match="nothing"):
        w.hub.load(folder, "nothing", source="local")


def test_files_of_the_cache(cache):
    url = "https://example.org/models/net-0123abcd.pt"
    with pytest.raises(RuntimeError, match="checkpoints"):
        w.hub.load_state_dict_from_url(url)
    (cache / "checkpoints").mkdir()
    w.save({"a": w.ones(2)}, cache / "checkpoints" / "net-0123abcd.pt")
    assert w.hub.load_state_dict_from_url(url)["a"].tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="invalid hash"):
        w.hub.load_state_dict_from_url(url, check_hash=True)
    with pytest.raises(RuntimeError, match="owner/name"):
        w.hub.load("owner/name", "net")


def test_a_file_that_is_here(cache, tmp_path):
    source, target = tmp_path / "s.bin", tmp_path / "t.bin"
    source.write_bytes(b"content")
    with pytest.raises(RuntimeError, match="hash"):
        w.hub.download_url_to_file(source.as_uri(), str(target), hash_prefix="00")
    assert not target.exists()
    w.hub.download_url_to_file(source.as_uri(), str(target))
    assert target.read_bytes() == b"content"
