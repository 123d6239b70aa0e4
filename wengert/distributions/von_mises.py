"""VonMises: directions in the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..api import functions as T
from ..api.functions import resolve
from ..base import dtypes
from ..base.modes import no_grad
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import Located, TensorOrNumber, broadcast_all, lazy_property

__all__ = ["VonMises"]


def log_bessel(x: Tensor, order: int) -> Tensor:
    """The logarithm of the modified Bessel function of the first kind, of order 0 or 1."""
    return resolve("special", f"i{order}e")(x).log() + x.abs()


class VonMises(Located, Distribution):
    """Angles in [-pi, pi) around a mean direction.

    Args:
        loc: the mean direction, an angle. concentration: positive; large for angles near to it.
        validate_args: whether to check them, and later values.

    loc and concentration broadcast. Raises NotImplementedError where concentration holds complex
    numbers.

    >>> VonMises(torch.tensor(0.0), torch.tensor(1.0)).log_prob(torch.tensor(0.0))
    tensor(-1.0738)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(
        self,
        loc: TensorOrNumber,
        concentration: TensorOrNumber,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @lazy_property
    def variance(self) -> Tensor:
        """The circular variance: one minus the length of the mean vector."""
        length = log_bessel(self.concentration, 1) - log_bessel(self.concentration, 0)
        return 1 - length.exp()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        cosine = self.concentration * (value - self.loc).cos()
        return cosine - math.log(2 * math.pi) - log_bessel(self.concentration, 0)

    @lazy_property
    def _proposal_r(self) -> Tensor:
        """The parameter of the wrapped Cauchy distribution that proposes angles."""
        kappa = self.concentration.to(dtypes.float64)
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return T.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Angles by rejection (Best and Fisher, 1979), in double precision.

        sample_shape: dims in front of those of the distribution.
        """
        shape = self._extended_shape(sample_shape)
        with no_grad():
            loc, r = self.loc.to(dtypes.float64), self._proposal_r
            kappa = self.concentration.to(dtypes.float64)
            angle = T.zeros(shape, dtype=loc.dtype, device=loc.device)
            done = T.zeros(shape, dtype=dtypes.bool, device=loc.device)
            while not done.all():
                u = T.rand((3, *shape), dtype=loc.dtype, device=loc.device)
                z = (math.pi * u[0]).cos()
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = (c * (2 - c) - u[1] > 0) | ((c / u[1]).log() + 1 - c >= 0)
                angle = T.where(accept, (u[2] - 0.5).sign() * f.acos(), angle)
                done = done | accept
            angle = (angle + math.pi + loc) % (2 * math.pi) - math.pi
            return angle.to(self.loc.dtype)
