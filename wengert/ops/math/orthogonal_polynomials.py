"""torch.special: the orthogonal polynomials, and the names that are functions of torch itself."""

from __future__ import annotations

from typing import Any

from ...declare.lines import line
from ...declare.registry import FUNCTIONS, declare, function, public
from ...engine.kinds import elementwise
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..reduce import statistics
from . import binary, special, unary

DEFINED = (binary, statistics, unary, special)  # what the names at the end come from


def _polynomial(name: str, family: str) -> Any:
    """The polynomial of degree n (truncated to an integer; 0 for negative degrees) at x; n or x
    may be a number.
    """

    @primitive(elementwise, name=name, types="float", numbers="first", real=True)
    def o(xp, x, y): ...

    def f(input, n, *, out=None):
        if not isinstance(input, Tensor) and not isinstance(n, Tensor):
            raise TypeError(
                f"{name}(): input or n must be a Tensor, got {type(input).__name__} and "
                f"{type(n).__name__}"
            )
        return o.entry(input, n, out=out)

    f.__name__ = name
    f.__doc__ = f"""{family} polynomial of degree n (0 for negative degrees) at input; broadcast,
    either may be a number.

    >>> torch.special.{name}(torch.tensor([0.5]), torch.tensor([1])).shape
    torch.Size([1])
    """
    text = f"special.{name}(Tensor|Scalar x, Tensor|Scalar n, *, out)"
    return public(text, lines=(line(o),))(f)


for _name, _family in (
    ("t", "first kind"),
    ("u", "second kind"),
    ("v", "third kind"),
    ("w", "fourth kind"),
):
    _polynomial(f"chebyshev_polynomial_{_name}", f"Chebyshev ({_family})")
    _polynomial(f"shifted_chebyshev_polynomial_{_name}", f"Shifted Chebyshev ({_family})")
_polynomial("hermite_polynomial_h", "Physicist's Hermite")
_polynomial("hermite_polynomial_he", "Probabilist's Hermite")
_polynomial("laguerre_polynomial_l", "Laguerre")
_polynomial("legendre_polynomial_p", "Legendre")

for _name in ("erf", "erfc", "exp2", "expm1", "log1p", "logsumexp", "polygamma", "sinc"):
    FUNCTIONS["special"][_name] = FUNCTIONS[""][_name]
declare(binary.round, ("special.round(Tensor input, *, int decimals=0, out)",), out="exact")
FUNCTIONS["special"]["expit"] = FUNCTIONS[""]["sigmoid"]


def _softmax(name: str) -> Any:
    def f(input, dim, *, dtype=None):
        return function(name)(input, dim, dtype=dtype)

    f.__name__ = name
    f.__doc__ = f"{name} along dim; dtype: converts first."
    keyword = "*, " * (name == "log_softmax")
    return public(f"special.{name}(Tensor input, int dim, {keyword}ScalarType? dtype=None)")(f)


_softmax("softmax")
_softmax("log_softmax")
