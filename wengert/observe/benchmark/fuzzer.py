"""Fuzzer: tensors of random shapes, for measuring over many inputs."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...api import functions as T
from ...base import dtypes
from ...base.aliases import NamedInit
from ...engine.error_context import clear_errors

__all__ = [
    "BinaryOpFuzzer", "FuzzedParameter", "FuzzedSparseTensor", "FuzzedTensor", "Fuzzer",
    "ParameterAlias", "UnaryOpFuzzer",
]  # fmt: skip


class ParameterAlias:
    """The value of another parameter.

    alias_to: the other parameter.

    >>> torch.utils.benchmark.ParameterAlias("k").alias_to
    'k'
    """

    def __init__(self, alias_to: str) -> None:
        self.alias_to = alias_to

    def __repr__(self) -> str:
        return f"ParameterAlias[alias_to: {self.alias_to}]"


class FuzzedParameter:
    """A number drawn from a range ('uniform', 'loguniform') or from a dict of value -> chance.

    name: of the parameter, tensor or extension. minval: the least value. maxval: the largest value.
    distribution: 'uniform', 'loguniform' or a dict of values and weights. strict: accepted.

    Raises ValueError where minval, maxval or distribution is of the wrong type, maxval is negative
    or distribution is unknown.

    >>> k = torch.utils.benchmark.FuzzedParameter("k", minval=1, maxval=4, distribution="uniform")
    >>> 1 <= k.sample(np.random.RandomState(0)) <= 4
    True
    """

    def __init__(
        self, name: str, minval: float | None = None, maxval: float | None = None,
        distribution: Any = None, strict: bool = False,
    ) -> None:  # fmt: skip
        if distribution is None:
            raise ValueError("`distribution` must be specified.")
        self.name, self.minval, self.maxval, self.strict = name, minval, maxval, strict
        if isinstance(distribution, dict):
            total = sum(distribution.values())
            if not 0 < total <= 1 + 1e-9:
                raise AssertionError("Distribution is not normalized")
        elif distribution not in ("loguniform", "uniform"):
            raise ValueError(f"Unknown distribution: {distribution}")
        elif minval is None or maxval is None:
            raise ValueError("`minval` and `maxval` must be specified for a named distribution.")
        self.distribution = distribution

    @clear_errors
    def sample(self, state: np.random.RandomState) -> Any:
        """Draw a value; numbers of several digits are rounded to a shorter one unless strict.

        state: NumPy's random state.

        Raises TypeError where state is of the wrong type.
        """
        d = self.distribution
        if isinstance(d, dict):
            values, chances = list(d), np.array(list(d.values()), dtype=float)
            chosen: Any = values[state.choice(len(values), p=chances / chances.sum())]
            return chosen
        low, high = self.minval, self.maxval
        assert low is not None
        assert high is not None
        if d == "uniform":
            if isinstance(low, int):
                return state.randint(low, int(high) + 1)
            return state.uniform(low, high)
        x = 2 ** state.uniform(math.log2(low), math.log2(high))
        return min(max(round(x), math.ceil(low)), math.floor(high)) if isinstance(low, int) else x


class FuzzedTensor:
    """A tensor whose sizes are parameters.

    name: of the parameter, tensor or extension. size: sizes, or names of parameters. steps:
    strides, or names of parameters. probability_contiguous: how often it is contiguous.
    min_elements: the fewest elements. max_elements: the most elements. max_allocation_bytes: the
    most memory. dim_parameter: the name of the parameter that says how many dimensions there are.
    roll_parameter: accepted. dtype: of the elements. cuda: on a GPU. tensor_constructor: makes the
    tensor.

    Raises TypeError where size or min_elements is of the wrong type.

    >>> from wengert.utils.benchmark import FuzzedParameter, FuzzedTensor, Fuzzer
    >>> sizes = FuzzedParameter("n", 4, 8, distribution="uniform")
    >>> wanted = FuzzedTensor("x", size=("n", 2), min_elements=8)
    >>> wanted.satisfies_constraints({"n": 4})
    True
    >>> for tensors, facts, values in Fuzzer([sizes], [wanted], seed=0).take(1):
    ...     tuple(tensors["x"].shape) == (values["n"], 2)
    True
    """

    def __init__(
        self, name: str, size: tuple[Any, ...], steps: tuple[Any, ...] | None = None,
        probability_contiguous: float = 0.5, min_elements: int | None = None,
        max_elements: int | None = None, max_allocation_bytes: int | None = None,
        dim_parameter: str | None = None, roll_parameter: str | None = None,
        dtype: Any = dtypes.float32, cuda: bool = False, tensor_constructor: Any = None,
    ) -> None:  # fmt: skip
        self.name, self.size, self.steps, self.dtype, self.cuda = name, size, steps, dtype, cuda
        self.probability_contiguous, self.dim_parameter = probability_contiguous, dim_parameter
        self.min_elements, self.max_elements = min_elements, max_elements
        self.max_bytes, self.make = max_allocation_bytes, tensor_constructor

    def _sizes(self, parameters: dict[str, Any], which: Any) -> tuple[int, ...]:
        n = parameters[self.dim_parameter] if self.dim_parameter else len(which)
        return tuple([parameters.get(s, s) if isinstance(s, str) else s for s in which[:n]])

    @clear_errors
    def satisfies_constraints(self, parameters: dict[str, Any]) -> bool:
        """Whether a tensor of these sizes may be made."""
        n = math.prod(self._sizes(parameters, self.size))
        return (
            (self.min_elements is None or n >= self.min_elements)
            and (self.max_elements is None or n <= self.max_elements)
            and (self.max_bytes is None or n * self.dtype.itemsize <= self.max_bytes)
        )

    def sample(self, parameters: dict[str, Any], state: np.random.RandomState) -> Any:
        """(the tensor, facts about it)."""
        size = self._sizes(parameters, self.size)
        steps = self._sizes(parameters, self.steps or ()) if self.steps else (1,) * len(size)
        whole = tuple([s * step for s, step in zip(size, steps)])
        order = np.arange(len(size))
        if len(size) > 1 and state.rand() > self.probability_contiguous:
            order = state.permutation(len(size))
        permuted = [whole[i] for i in order]
        device = "cuda" if self.cuda else "cpu"
        if self.make is not None:
            x = self.make(size=permuted, dtype=self.dtype, **parameters)
        elif self.dtype.is_floating_point or self.dtype.is_complex:
            x = T.rand(permuted, dtype=self.dtype, device=device)
        else:
            x = T.randint(0, 127, permuted, dtype=self.dtype, device=device)
        x = x.permute(tuple(int(i) for i in np.argsort(order)))
        x = x[tuple([slice(None, None, step) for step in steps])]
        contiguous = x.is_contiguous()
        facts = {
            "numel": int(x.numel()), "order": order, "steps": steps,
            "is_contiguous": contiguous, "dtype": str(self.dtype),
        }  # fmt: skip
        return x, facts


class FuzzedSparseTensor(FuzzedTensor):
    """A sparse tensor (COO) whose sizes are parameters.

    name: of the parameter, tensor or extension. size: sizes, or names of parameters. min_elements:
    the fewest elements. max_elements: the most elements. dim_parameter: the name of the parameter
    that says how many dimensions there are. sparse_dim: how many dimensions are sparse. nnz: how
    many elements are stored. density: which part of the elements is stored. coalesced: whether
    coordinates are unique. dtype: of the elements. cuda: on a GPU.

    >>> from wengert.utils.benchmark import FuzzedParameter, FuzzedSparseTensor, Fuzzer
    >>> given = ("d", 2), ("part", 0.5)
    >>> fixed = [FuzzedParameter(k, distribution={v: 1.0}) for k, v in given]
    >>> wanted = FuzzedSparseTensor("x", (4, 4), sparse_dim="d", density="part")
    >>> for tensors, facts, values in Fuzzer(fixed, [wanted], seed=0).take(1):
    ...     tensors["x"].is_sparse
    True
    """

    def __init__(
        self, name: str, size: tuple[Any, ...], min_elements: int | None = None,
        max_elements: int | None = None, dim_parameter: str | None = None,
        sparse_dim: str | None = None, nnz: str | None = None, density: str | None = None,
        coalesced: str | None = None, dtype: Any = dtypes.float32, cuda: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            name, size, None, 1.0, min_elements, max_elements, None, dim_parameter, None, dtype,
            cuda,
        )  # fmt: skip
        self.sparse_dim, self.nnz, self.density = sparse_dim, nnz, density

    def sample(self, parameters: dict[str, Any], state: np.random.RandomState) -> Any:
        """(the tensor, facts about it)."""
        size = self._sizes(parameters, self.size)
        dims = parameters[self.sparse_dim] if self.sparse_dim else len(size)
        places = math.prod(size[:dims])
        n = parameters[self.nnz] if self.nnz else 1
        n = min(math.ceil(places * parameters[self.density]) if self.density else n, places)
        at = np.stack([state.randint(0, s, size=n) for s in size[:dims]])
        values = T.rand([n, *size[dims:]], dtype=self.dtype)
        x = T.sparse_coo_tensor(T.as_tensor(at), values, size)
        return x, {"numel": int(x.numel()), "sparse_dim": dims, "nnz": n, "dtype": str(self.dtype)}


class Fuzzer(NamedInit):
    """Draws parameters and makes tensors of them, until their constraints are met.

    Raises TypeError where parameters or tensors is of the wrong type; ValueError where parameters
    or tensors is too long.

    >>> size = FuzzedParameter("k", minval=1, maxval=9, distribution="uniform")
    >>> f = Fuzzer([size], [FuzzedTensor("x", size=("k", 2))], seed=0)
    >>> [tensors["x"].shape[1] for tensors, _, _ in f.take(2)]
    [2, 2]
    """

    def __init__(
        self, parameters: Any, tensors: Any, constraints: Any = None, seed: int | None = None
    ) -> None:
        self._seed = int(np.random.RandomState().randint(0, 2**32 - 1)) if seed is None else seed
        self._parameters = list(
            itertools.chain(*[p if isinstance(p, list) else [p] for p in parameters])
        )
        self._tensors = list(itertools.chain(*[t if isinstance(t, list) else [t] for t in tensors]))
        self._constraints = constraints or ()
        names = [x.name for x in (*self._parameters, *self._tensors)]
        if repeated := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"Duplicate names in fuzzer: {repeated}")
        self._rejections = self._total = 0

    @property
    def rejection_rate(self) -> float:
        """The part of the draws that met no constraints."""
        return self._rejections / self._total if self._total else 0.0

    def take(self, n: int) -> Iterator[Any]:
        """n times (tensors by name, facts by name, parameters by name)."""
        state = np.random.RandomState(self._seed)
        for _ in range(n):
            drawn = self._draw(state)
            made = {t.name: t.sample(drawn, state) for t in self._tensors}
            yield {k: v[0] for k, v in made.items()}, {k: v[1] for k, v in made.items()}, drawn

    def _draw(self, state: np.random.RandomState) -> dict[str, Any]:
        for _ in range(1000):
            self._total += 1
            drawn = {p.name: p.sample(state) for p in self._parameters}
            for name, value in drawn.items():
                while isinstance(value, ParameterAlias):
                    value = drawn[value.alias_to]
                drawn[name] = value
            if all(c(drawn) for c in self._constraints) and all(
                t.satisfies_constraints(drawn) for t in self._tensors
            ):
                return drawn
            self._rejections += 1
        raise ValueError("Failed to generate a set of valid parameters.")


def _sizes_of(dims: int, low: int, high: int) -> list[Any]:
    sizes = [FuzzedParameter(f"k{i}", low, high, "loguniform") for i in range(dims)]
    return [FuzzedParameter("dim", distribution={1: 0.3, 2: 0.4, 3: 0.3}, strict=True), *sizes]


class _OpFuzzer(Fuzzer):
    names: tuple[str, ...] = ()

    def __init__(self, seed: int | None, dtype: Any = dtypes.float32, cuda: bool = False) -> None:
        tensor = functools.partial(
            FuzzedTensor, size=("k0", "k1", "k2"), probability_contiguous=0.75, min_elements=4096,
            max_elements=32 * 1024**2, dim_parameter="dim", dtype=dtype, cuda=cuda,
        )  # fmt: skip
        super().__init__(_sizes_of(3, 4, 16 * 1024), [tensor(n) for n in self.names], seed=seed)


class UnaryOpFuzzer(_OpFuzzer):
    """One tensor `x` of one to three dimensions."""

    names = ("x",)


class BinaryOpFuzzer(_OpFuzzer):
    """Two tensors `x` and `y` of one shape, of one to three dimensions."""

    names = ("x", "y")
