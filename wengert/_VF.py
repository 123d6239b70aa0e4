"""torch._VF: the functions of torch under the name that PyTorch's own files call them by."""

from .api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "")
