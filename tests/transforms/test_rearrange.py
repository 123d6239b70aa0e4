"""func.rearrange against PyTorch's."""

import pytest

import wengert

CASES = [
    ((2, 3), "a b -> b a", {}), ((2, 6), "b (h w) -> h b w", {"h": 2}),
    ((2, 3, 4, 5), "b c h w -> b (h w) c", {}), ((2, 3, 4), "a ... -> ... a", {}),
    ((2, 3, 4), "... c -> (...) c", {}),
   ((4, 6), "(a b) (c d) -> (a c) b d", {"a": 2, "d": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "pattern", "sizes"), CASES, ids=[c[1] for c in CASES])
def test_the_same_as_pytorch(torch, shape, pattern, sizes):
    n = wengert.Size(shape).numel()
    ours = wengert.func.rearrange(wengert.arange(n).reshape(shape), pattern, **sizes)
    theirs = torch.func.rearrange(torch.arange(n).reshape(shape), pattern, **sizes)
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    "pattern", ["a b", "a -> a", "a b -> a c", "(a b) c -> a b c", "a ) b -> a"]
)
def test_patterns_that_do_not_fit(pattern):
    with pytest.raises(ValueError, match="rearrange"):
        wengert.func.rearrange(wengert.ones(2, 3), pattern)


def test_ones_come_and_go():
    x = wengert.arange(6).reshape(2, 1, 3)
    assert wengert.func.rearrange(x, "a 1 b -> 1 b a").shape == (1, 3, 2)
