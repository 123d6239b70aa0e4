"""Tensors over the memory of Python's buffers and of files."""

from __future__ import annotations

from ...arrays.lookup import default_namespace
from ...base import dtypes
from ...base.advice import advise
from ...declare.registry import public
from ...engine.tensor import wrap


@public(
    "frombuffer(any buffer, *, ScalarType dtype, int count=-1, int offset=0, "
    "bool requires_grad=False)",
    method=False,
)
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A vector of the numbers in a Python buffer (bytes, bytearray, array), whose memory it shares.

    count: how many, -1 for all; offset: bytes to skip. Raises ValueError where the buffer does
    not suffice.

    >>> torch.frombuffer(bytearray(b"ab"), dtype=torch.uint8)
    tensor([97, 98], dtype=torch.uint8)
    """
    try:
        length = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError(
            f"object does not implement Python buffer protocol: {type(buffer).__name__}"
        ) from None
    item = dtype.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % item:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
            "multiple of element size "
            f"({item})"
        )
    n = (length - offset) // item if count < 0 else count
    if offset + n * item > length:
        raise ValueError(
            f"requested buffer length ({n} * {item} bytes) after offset ({offset} bytes) must "
            "not be greater than actual "
            f"buffer length ({length} bytes)"
        )
    if memoryview(buffer).readonly:
        advise(
            "The given buffer is not writable: the tensor shares its memory, so in-place "
            "changes of it fail. Copy it first, "
            "for instance with bytearray(buffer).",
        )
    t = wrap(default_namespace().from_buffer(buffer, dtype.np, n, offset))
    return t.requires_grad_() if requires_grad else t


@public("from_file(str filename, bool? shared=None, int? size=0, *, options)", method=False)
def from_file(
    filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=False
):
    """A vector of the first `size` numbers of a file, mapped into memory.

    shared=True: changes are written to the file, which is made longer if need be; False: they
    stay here.

    >>> place = open("numbers.bin", "wb").write(torch.arange(3.0).numpy().tobytes())
    >>> torch.from_file("numbers.bin", size=3)
    tensor([0., 1., 2.])
    """
    d = dtype or dtypes.get_default_dtype()
    return wrap(default_namespace().map_file(str(filename), d.np, size, bool(shared)))
