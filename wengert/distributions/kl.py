"""Kullback-Leibler divergences: kl_divergence, and register_kl for pairs of one's own.

What lives here: the table and how a pair is looked up. What does not: the formulas
(`kl_same.py` within a kind, `kl_moments.py` between kinds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.advice import advise
from ..engine.tensor import Tensor
from .distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Tensor]

_KL_REGISTRY: dict[tuple[type, type], Formula] = {}
_KL_MEMOIZE: dict[tuple[type, type], Formula | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Decorator: a function (p, q) that computes the divergence for two types.

    The most specific pair is used, the type of p counting first. TypeError for what is no class.

    type_p: the class of the first distribution. type_q: the class of the second.

    >>> from wengert.distributions import Normal, Poisson, register_kl
    >>> class Mine(Normal): pass
    >>> @register_kl(Mine, Poisson)
    ... def kl_mine_poisson(p, q):
    ...     return p.loc + float("inf")
    >>> kl_divergence(Mine(0.0, 1.0), Poisson(1.0))
    tensor(inf)
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(
            kind, type
        ):  # of any hierarchy: libraries have distributions of their own
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorator(formula: Formula) -> Formula:
        _KL_REGISTRY[type_p, type_q] = formula
        _KL_MEMOIZE.clear()
        return formula

    return decorator


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The divergence of p from q, E_p[log p(x) - log q(x)], for each of the batch.

    NotImplementedError where no formula is registered for the two types.

    >>> from wengert.distributions import Normal
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    kinds = type(p), type(q)
    if kinds not in _KL_MEMOIZE:
        _KL_MEMOIZE[kinds] = _found(*kinds)
    formula = _KL_MEMOIZE[kinds]
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}: register one with register_kl"
        )
    return formula(p, q)


def _found(type_p: type, type_q: type) -> Formula | None:
    """The formula of the most specific pair that is registered for two types."""
    pairs = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not pairs:
        return None
    # A class that is earlier among the ancestors is more specific.
    by_p = min(pairs, key=lambda pq: (type_p.__mro__.index(pq[0]), type_q.__mro__.index(pq[1])))
    by_q = min(pairs, key=lambda pq: (type_q.__mro__.index(pq[1]), type_p.__mro__.index(pq[0])))
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        advise(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({by_p[0].__name__}, {by_q[1].__name__})",
            RuntimeWarning,
        )
    return _KL_REGISTRY[by_p]
