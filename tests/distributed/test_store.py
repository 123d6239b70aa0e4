"""Stores, each against the same calls, and against PyTorch's where it is there."""

import threading
from datetime import timedelta

import pytest

import wengert.distributed as dist


def make(kind, folder, d=dist):
    if kind == "hash":
        return d.HashStore()
    if kind == "file":
        return d.FileStore(str(folder / f"store-{d.__name__}"), 1)
    if kind == "tcp":
        return d.TCPStore("127.0.0.1", 0, 1, True, wait_for_workers=False)
    return d.PrefixStore("p", make("hash", folder, d))


def calls(store):
    store.set("a", "1")
    store.set("b", b"\x00\xff")
    found = [store.get("a"), store.get("b"), store.add("n", 3), store.add("n", -1), store.get("n")]
    found += [store.compare_set("c", "", "new"), store.compare_set("c", "old", "newer")]
    found += [store.compare_set("c", "new", "newer"), store.check(["a", "c"]), store.check(["z"])]
    found += [store.delete_key("a"), store.delete_key("a"), store.check(["a"])]
    store.wait(["b", "n"])
    store.set("\u00e9", "\u00e9")
    found.append(store.get("\u00e9"))
    return found


@pytest.mark.parametrize("kind", ["hash", "file", "tcp", "prefix"])
def test_as_pytorch(kind, tmp_path, torch):
    expected = calls(make("hash", tmp_path, torch.distributed))
    assert calls(make(kind, tmp_path)) == expected


@pytest.mark.parametrize("kind", ["hash", "file", "tcp", "prefix"])
def test_waiting(kind, tmp_path):
    store = make(kind, tmp_path)
    with pytest.raises(dist.DistStoreError, match="wait timeout after 50ms, keys: /late"):
        store.wait(["late"], timedelta(seconds=0.05))
    other = store if kind != "tcp" else dist.TCPStore("127.0.0.1", store.port, 1)
    threading.Timer(0.05, lambda: other.set("late", "x")).start()
    assert store.get("late") == b"x"
    store.append("late", "y")
    assert store.multi_get(["late"]) == [b"xy"]
    with pytest.raises(TypeError, match="bytes or str"):
        store.set("k", 3)


def test_a_port_that_is_taken_is_an_error():
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    with pytest.raises(dist.DistNetworkError, match=f"port {store.port} of"):
        dist.TCPStore("127.0.0.1", store.port, 1, True)
    with pytest.raises(dist.DistNetworkError, match="failed to connect"):
        dist.TCPStore("127.0.0.1", 1, 1, timeout=timedelta(seconds=0.05))
