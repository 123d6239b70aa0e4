"""torch.return_types: the struct sequences that functions with several results return.

A struct sequence is a tuple whose items have names, of a class that is made from one sequence:
`torch.return_types.max((values, indices))`.
"""

from __future__ import annotations

import copyreg
from _collections import _tuplegetter
from collections.abc import Callable, Iterable
from typing import Any

# The fields, and the functions whose results have them. NAME_out is the class of what NAME returns
# where it was given out=; a star says that there is none.
FIELDS = """
values indices: cummax cummin kthvalue max median min mode nanmedian sort topk
min max: aminmax
mantissa exponent: frexp
hist bin_edges: histogram histogramdd*
a tau: geqrf
Q R: linalg_qr qr
P L U: linalg_lu lu_unpack
U S V: svd
U S Vh: linalg_svd _linalg_svd
L info: linalg_cholesky_ex
LU pivots: linalg_lu_factor
LU pivots info: linalg_lu_factor_ex _lu_with_info*
LD pivots: linalg_ldl_factor
LD pivots info: linalg_ldl_factor_ex
inverse info: linalg_inv_ex
result info: linalg_solve_ex
result LU pivots: _linalg_det
result LU pivots info: _linalg_solve_ex
sign logabsdet: linalg_slogdet slogdet
sign logabsdet LU pivots: _linalg_slogdet
eigenvalues eigenvectors: linalg_eig linalg_eigh _linalg_eigh
solution residuals rank singular_values: linalg_lstsq
solution cloned_coefficient: triangular_solve
"""
FIELDS_OF: dict[str, str] = {}
for _line in FIELDS.strip().splitlines():
    _fields, _, _names = _line.partition(": ")
    for _name in _names.split():
        FIELDS_OF[_name.rstrip("*")] = _fields
        if not _name.endswith("*"):
            FIELDS_OF[f"{_name}_out"] = _fields

PUBLIC = sorted(n for n in FIELDS_OF if not n.startswith("_"))


class StructSequence(type):
    """The class of these classes: pickle finds them here, whatever `torch` is to the process."""


copyreg.pickle(StructSequence, lambda cls: (return_type, (cls.__name__,)))


def _repr(self: Any) -> str:
    inside = ",\n".join(f"{k}={v!r}" for k, v in zip(self.__match_args__, self))
    return f"torch.return_types.{type(self).__name__}(\n{inside})"


def _new(cls: Any, sequence: Iterable[Any], dict: Any = None) -> Any:
    name = f"torch.return_types.{cls.__name__}()"
    try:
        values = tuple(sequence)
    except TypeError:
        raise TypeError(f"{name}: constructor requires a sequence") from None
    if dict is not None and not hasattr(dict, "keys"):
        raise TypeError(f"{name} takes a dict as second arg, if any")
    if len(values) != cls.n_fields:
        raise TypeError(f"{name} takes a {cls.n_fields}-sequence ({len(values)}-sequence given)")
    return tuple.__new__(cls, values)


def _no_base(cls: Any, **_: Any) -> None:
    raise TypeError(f"type {cls.__base__.__name__!r} is not an acceptable base type")


def make(name: str, fields: str) -> Any:
    """A class of struct sequences. fields: their names, with spaces between."""
    names = tuple(fields.split())
    methods = {"__new__": _new, "__repr__": _repr, "__init_subclass__": classmethod(_no_base)}
    methods["__reduce__"] = lambda self: (type(self), (tuple(self), {}))
    getters = {k: _tuplegetter(i, f"The {k}.") for i, k in enumerate(names)}
    counts = {"n_fields": len(names), "n_sequence_fields": len(names), "n_unnamed_fields": 0}
    own = {"__slots__": (), "__module__": "torch.return_types", "__match_args__": names}
    cls = StructSequence(name, (tuple,), methods | getters | counts | own)
    for hear in on_class:
        hear(cls)
    return cls


on_class: list[Callable[[Any], None]] = []  # called with each class that is made
TYPES: dict[str, Any] = {}  # those that were asked for


def return_type(name: str) -> Any:
    """The class of the results of function `name`."""
    cls = TYPES.get(name)
    if cls is None:
        cls = TYPES.setdefault(name, make(name, FIELDS_OF[name]))
    return cls


def named(name: str, *values: Any) -> Any:
    """The result of function `name` with these values."""
    return tuple.__new__(return_type(name), values)


def is_structseq_class(cls: Any) -> bool:
    """Whether a class is one of struct sequences, such as torch.return_types.max."""
    counts = ("n_fields", "n_sequence_fields", "n_unnamed_fields")
    return (
        isinstance(cls, type)
        and tuple in cls.__bases__
        and all(isinstance(getattr(cls, n, None), int) for n in counts)
    )


def is_structseq(obj: Any) -> bool:
    """Whether obj is a struct sequence, or a class of them."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_instance(obj: Any) -> bool:
    """Whether obj is a struct sequence."""
    return is_structseq_class(type(obj))
