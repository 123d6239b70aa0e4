"""torch.utils.benchmark: measuring, and PyTorch's texts of measurements and tables."""

import pytest

import wengert.utils.benchmark as B


def measurements(b):
    def spec(sub, description, threads=1):
        return b.TaskSpec("x + 1", "x = 1", label="L", sub_label=sub, description=description,
                          num_threads=threads)  # fmt: skip

    return [
        b.Measurement(10, [1e-3, 1.1e-3, 1.2e-3, 1.3e-3], spec("S", "D")),
        b.Measurement(10, [2e-3, 2.1e-3], spec("S2", "D")),
        b.Measurement(10, [2e-3, 2.1e-3], spec("S2", "E", 2)),
    ]


def test_texts_are_those_of_pytorch(torch):
    import torch.utils.benchmark as theirs

    for a, b in zip(measurements(B), measurements(theirs)):
        assert repr(a).split("\n")[1:] == repr(b).split("\n")[1:]
        assert (a.median, a.iqr, a.significant_figures) == (b.median, b.iqr, b.significant_figures)
    ours, expected = B.Compare(measurements(B)), theirs.Compare(measurements(theirs))
    assert str(ours) == str(expected)
    ours.trim_significant_figures()
    expected.trim_significant_figures()
    assert str(ours) == str(expected)


def test_a_statement_is_run_as_often_as_asked():
    runs = []
    timer = B.Timer("runs.append(1)", globals={"runs": runs})
    m = timer.timeit(50)
    assert m.number_per_run == 50 and len(runs) == 52
    assert len(timer.blocked_autorange(min_run_time=0.001).times) >= 1
    assert B.Timer("torch.ones(2)").timeit(1).median > 0
    with pytest.raises(RuntimeError, match="Valgrind"):
        timer.collect_callgrind()
    with pytest.raises(RuntimeError, match="Python"):
        B.Timer("int x;", language=B.Language.CPP)


def test_random_inputs_meet_their_constraints():
    k = B.FuzzedParameter("k", minval=1, maxval=64, distribution="loguniform")
    n = B.FuzzedParameter("n", distribution={1: 0.5, B.ParameterAlias("k"): 0.5})
    x = B.FuzzedTensor("x", size=("k", "n"), min_elements=8, max_elements=500)
    first = [(p["k"], p["n"]) for _, _, p in B.Fuzzer([k, n], [x], seed=0).take(5)]
    again = [(p["k"], p["n"]) for _, _, p in B.Fuzzer([k, n], [x], seed=0).take(5)]
    assert first == again and all(8 <= a * b <= 500 and b in (1, a) for a, b in first)
