"""The names of the packages that read images and videos, and a warning that nobody needs here."""

from __future__ import annotations

__all__ = [
    "disable_beta_transforms_warning", "get_image_backend", "get_video_backend",
    "set_image_backend", "set_video_backend",
]  # fmt: skip

_image_backend = "PIL"


def set_image_backend(backend: str) -> None:
    """Say which package reads images. Pillow does, whatever is said.

    backend: "PIL" or "accimage"; ValueError for others.

    >>> torchvision.set_image_backend("PIL")
    """
    if backend not in ("PIL", "accimage"):
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")
    global _image_backend
    _image_backend = backend


def get_image_backend() -> str:
    """The name that set_image_backend() was given.

    >>> torchvision.get_image_backend()
    'PIL'
    """
    return _image_backend


def set_video_backend(backend: str) -> None:
    """Accepted: no videos are read here.

    backend: a name.

    >>> torchvision.set_video_backend("pyav")
    """


def get_video_backend() -> str:
    """The name of the package that would read videos.

    >>> torchvision.get_video_backend()
    'pyav'
    """
    return "pyav"


def disable_beta_transforms_warning() -> None:
    """Nothing: transforms.v2 warns of nothing.

    >>> torchvision.disable_beta_transforms_warning()
    """
