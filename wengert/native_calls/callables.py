"""Python's objects around machine code: functions that texts call, and operators of Tensor.

An operator is a wrapper descriptor, as those of int are, so that it fills the type's slot and no
Python function is entered; everything else stays the Python function that it was.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..kernels.calling import FASTCALL, Definition
from .structures import for_good

NAMED = 0x82  # with METH_KEYWORDS: and the names of the last ones


def function(name: str, address: int, bound: Any, flags: int = FASTCALL) -> Any:
    """A function that machine code is called through, with an object as its self."""
    make = ctypes.pythonapi.PyCMethod_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p]
    definition = Definition(name.encode(), address, flags, None)
    f = make(ctypes.addressof(definition), bound, None, None)
    for_good(definition, bound, f)
    return f


class Attribute(ctypes.Structure):
    """PyGetSetDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("get", ctypes.c_void_p),
        ("set", ctypes.c_void_p),
        ("documentation", ctypes.c_char_p),
        ("closure", ctypes.c_void_p),
    ]


def attribute(name: str, address: int, careful: property) -> Any:
    """A descriptor of an attribute of Tensor that machine code reads: it is given the property's
    function, which it calls where it is not sure.
    """
    make = ctypes.pythonapi.PyDescr_NewGetSet
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.py_object, ctypes.c_void_p]
    text = (careful.__doc__ or "").encode()
    definition = Attribute(name.encode(), address, None, text, id(careful.fget))
    f = make(Tensor, ctypes.addressof(definition))
    for_good(definition, careful, careful.fget, f)
    return f


def operator(name: str, address: int) -> Any:
    """A wrapper descriptor of Tensor for a slot's function, under an operator's name."""
    make = ctypes.pythonapi.PyDescr_NewWrapper
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p]
    like = np.ndarray.__dict__[name]
    base = ctypes.c_uint64.from_address(id(like) + 5 * 8).value  # PyWrapperDescrObject.d_base
    f = make(Tensor, base, address)
    for_good(f)
    return f
