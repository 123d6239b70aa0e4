"""torch.utils.model_zoo: re-exports."""

from ..base.aliases import alias as _alias
from ..io.hub import download_url_to_file as _download_url_to_file
from ..io.hub import load_state_dict_from_url as _load_state_dict_from_url

load_url = _alias(_load_state_dict_from_url, "load_url")

__all__ = ["_download_url_to_file", "load_url"]
