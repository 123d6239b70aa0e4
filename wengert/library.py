"""torch.library: re-exports."""

from .api.custom_ops import CustomOpDef, infer_schema
from .api.library import (
    Library,
    custom_op,
    define,
    fallthrough_kernel,
    get_ctx,
    impl,
    impl_abstract,
    opcheck,
    register_autocast,
    register_autograd,
    register_fake,
    register_kernel,
    register_torch_dispatch,
    register_vmap,
    triton_op,
    wrap_triton,
)
from .base.absent import absent as _absent

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "fallthrough_kernel", "get_ctx", "impl",
    "impl_abstract", "infer_schema", "opcheck", "register_autocast", "register_autograd",
    "register_fake", "register_kernel", "register_torch_dispatch", "register_vmap", "triton_op",
    "wrap_triton",
]  # fmt: skip

__getattr__ = _absent("torch.library")
