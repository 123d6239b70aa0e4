"""The switch of recording: per thread, nested, and known to the short way of the entries."""

import threading

import wengert as torch
from wengert.base.modes import everyone, state


def recorded():
    return (torch.ones(1, requires_grad=True) * 2).requires_grad


def test_nested_switches_return_to_where_they_were():
    before = everyone.off
    with torch.no_grad():
        assert not recorded()
        with torch.enable_grad():
            assert recorded()
            with torch.inference_mode():
                assert not recorded()
            assert recorded()
        with torch.set_grad_enabled(True):
            assert recorded()
        assert not recorded()
    assert recorded() and everyone.off == before


def test_errors_inside_leave_the_switch_right():
    before = everyone.off
    for block in (torch.no_grad, torch.inference_mode):
        try:
            with block():
                raise KeyError
        except KeyError:
            pass
    try:
        torch.ones(2, requires_grad=True).mul(2).backward()
    except RuntimeError:
        pass
    assert recorded() and everyone.off == before and state.grad


def test_a_thread_without_recording_leaves_others_alone():
    off, on, seen = threading.Event(), threading.Event(), []

    def without():
        with torch.no_grad():
            off.set()
            on.wait()
            seen.append(recorded())
        seen.append(recorded())

    t = threading.Thread(target=without)
    t.start()
    off.wait()
    assert recorded()
    with torch.no_grad():
        assert not recorded()
    on.set()
    t.join()
    assert seen == [False, True] and recorded()


def test_many_threads_count_right():
    before = everyone.off

    def work():
        for _ in range(2000):
            with torch.no_grad():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert everyone.off == before


def test_one_place_sets_the_switch():
    from pathlib import Path

    package = Path(torch.__file__).parent
    setting = [
        f"{path.relative_to(package)}:{i}"
        for path in package.rglob("*.py")
        for i, line in enumerate(path.read_text().splitlines(), 1)
        if "state.grad = " in line or "state.grad, " in line.partition("=")[0]
    ]
    assert {place.partition(":")[0] for place in setting} == {"base/modes.py"}


def test_a_second_signal_cannot_keep_the_switch_from_going_back(monkeypatch):
    from wengert.base import modes

    before, real, calls = everyone.off, modes.record, []

    def interrupted(on):
        calls.append(on)
        if len(calls) == 1:
            real(on)
        raise KeyboardInterrupt  # where it was asked again, it would change nothing

    monkeypatch.setattr(modes, "record", interrupted)
    try:
        modes.switch(False, True)
    except KeyboardInterrupt:
        pass
    assert state.grad and everyone.off == before
