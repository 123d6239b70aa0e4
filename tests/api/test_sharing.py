"""Tensors whose memory moves into shared memory, and those that lie in the same memory."""

from __future__ import annotations

from typing import Any

import pytest

import wengert


def moved(T: Any) -> Any:
    x = T.arange(6.0).reshape(2, 3)
    row, alias, turned = x[1], x.detach(), x.t()
    x.share_memory_()
    x.add_(1)
    row.mul_(2)
    return [t.tolist() for t in (x, row, alias, turned)], [t.is_shared() for t in (row, alias)]


def moved_by_a_view(T: Any) -> Any:
    x = T.arange(6.0)
    x[2:4].share_memory_()
    y = x[2:4]
    y.zero_()
    return x.tolist(), x.is_shared(), y.is_shared()


def moved_with_a_module(T: Any) -> Any:
    m = T.nn.Linear(2, 2)
    kept = m.state_dict()
    m(T.ones(1, 2)).sum().backward()
    m.share_memory()
    with T.no_grad():
        m.weight.fill_(3)
    grads = [p.grad.is_shared() for p in m.parameters()]
    return kept["weight"].tolist(), grads, m(T.ones(1, 2)).requires_grad


def versions_go_on(T: Any) -> Any:
    x = T.ones(2)
    y = x.detach()
    x.add_(1)
    x.share_memory_()
    x.add_(1)
    return x._version, y.tolist()


@pytest.mark.parametrize("case", [moved, moved_by_a_view, moved_with_a_module, versions_go_on])
def test_all_that_lie_there_move(torch: Any, case: Any) -> None:
    assert case(wengert) == case(torch)
