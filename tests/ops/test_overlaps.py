"""What functions write may not share memory with its operands as PyTorch forbids it: in part, or
for what is gathered and scattered at all.
"""

from __future__ import annotations

import pytest

import wengert as torch

INDEX = torch.tensor([2, 1, 0, 3, 4, 5])
# written(x, out): (refused where x and out overlap in part, refused where they are the same)
PART, BOTH, NONE = (True, False), (True, True), (False, False)
WRITTEN = {
    "neg": (lambda x, out: torch.neg(x, out=out), PART),
    "clamp": (lambda x, out: torch.clamp(x, 0, 1, out=out), PART),
    "cumsum": (lambda x, out: torch.cumsum(x, 0, out=out), PART),
    "logcumsumexp": (lambda x, out: torch.logcumsumexp(x, 0, out=out), PART),
    "where": (lambda x, out: torch.where(x > 2, x, x, out=out), PART),
    "addmv": (lambda x, out: torch.addmv(x, torch.ones(6, 2), torch.ones(2), out=out), PART),
    "normal": (lambda x, out: torch.normal(x, 1.0, out=out), PART),
    "msort": (lambda x, out: torch.msort(x, out=out), PART),
    "sort": (lambda x, out: torch.sort(x, out=(out, INDEX.clone())), PART),
    "topk": (lambda x, out: torch.topk(x, 6, out=(out, INDEX.clone())), PART),
    "setitem": (lambda x, out: out.__setitem__(slice(None), x), PART),
    "setitem by index": (lambda x, out: out.__setitem__(INDEX, x), BOTH),
    "gather": (lambda x, out: torch.gather(x, 0, INDEX, out=out), BOTH),
    "take": (lambda x, out: torch.take(x, INDEX, out=out), BOTH),
    "index_select": (lambda x, out: torch.index_select(x, 0, INDEX, out=out), BOTH),
    "masked_select": (lambda x, out: torch.masked_select(x, INDEX >= 0, out=out), BOTH),
    "cross": (lambda x, out: torch.cross(x[:3], x[:3], dim=0, out=out[:3]), BOTH),
    "cat": (lambda x, out: torch.cat((x, x[:0]), out=out), BOTH),
    "scatter": (lambda x, out: torch.scatter(torch.ones(6), 0, INDEX, x, out=out), BOTH),
    "scatter_": (lambda x, out: out.scatter_(0, INDEX, x), BOTH),
    "index_add_": (lambda x, out: out.index_add_(0, INDEX, x), BOTH),
    "index_copy_": (lambda x, out: out.index_copy_(0, INDEX, x), BOTH),
    "put_": (lambda x, out: out.put_(INDEX, x), BOTH),
    "index_put_": (lambda x, out: out.index_put_((INDEX,), x), BOTH),
    "masked_fill_": (lambda x, out: out.masked_fill_(INDEX > 2, x[0]), NONE),
    "masked_scatter_": (lambda x, out: out.masked_scatter_(INDEX > 2, x), NONE),
    "amax": (lambda x, out: torch.amax(x.view(2, 3), 0, out=out[:3]), NONE),
    "mv": (lambda x, out: torch.mv(x.view(2, 3), x[:3], out=out[:2]), NONE),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_overlap_with_operands(name):
    write, refused = WRITTEN[name]
    for start, refuses in zip((1, 0), refused):
        for _ in range(40):  # so often that machine code has its turn
            memory = torch.arange(12.0)
            if refuses:
                with pytest.raises(RuntimeError, match="refer to a single memory location"):
                    write(memory[:6], memory[start : start + 6])
                assert memory.tolist() == list(range(12))
            else:
                write(memory[:6], memory[start : start + 6])


def test_input_may_be_out_where_sources_may_not():
    x = torch.zeros(3)
    assert torch.scatter(x, 0, torch.tensor([1]), torch.tensor([5.0]), out=x) is x
    assert x.tolist() == [0, 5, 0]
    index = torch.tensor([2, 1, 0])
    torch.gather(torch.tensor([7, 8, 9]), 0, index, out=index)
    assert index.tolist() == [9, 8, 7]


@pytest.mark.parametrize("name", ["bernoulli", "normal", "multinomial"])
def test_draws_are_not_written_to_one_place(name):
    out = torch.zeros(1, dtype=torch.int64 if name == "multinomial" else None).expand(6)
    number = {"bernoulli": (), "normal": (1.0,), "multinomial": (6,)}[name]
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        getattr(torch, name)(torch.full((6,), 0.5), *number, out=out)
