"""torch._tensor_str: parts of printed tensors, from which other libraries print their classes."""

from .api.printing import PRINT_OPTS, get_printoptions, printoptions, set_printoptions
from .api.printing import tensor_repr as _str
from .api.printing import tensor_repr as _str_intern
from .api.printing import values_of as _tensor_str
from .api.printing import with_notes as _add_suffixes
from .base.absent import absent as _absent

__all__ = [
    "PRINT_OPTS", "_add_suffixes", "_str", "_str_intern", "_tensor_str", "get_printoptions",
    "printoptions", "set_printoptions",
]  # fmt: skip

__getattr__ = _absent("torch._tensor_str")
