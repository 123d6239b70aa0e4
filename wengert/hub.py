"""torch.hub: re-exports."""

from urllib.parse import urlparse  # which programs take from here

from .base.absent import absent as _absent
from .io.hub import (
    HASH_REGEX,
    _get_torch_home,
    download_url_to_file,
    get_dir,
    help,  # noqa: A004
    list,  # noqa: A004
    load,
    load_state_dict_from_url,
    set_dir,
)

_download_url_to_file = download_url_to_file

__all__ = [
    "HASH_REGEX",
    "_get_torch_home",
    "urlparse",
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip

__getattr__ = _absent("torch.hub")
