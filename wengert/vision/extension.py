"""torchvision.extension: torchvision's operators are Python here, so that they are always there."""


def _has_ops() -> bool:
    """Whether nms, roi_align and the others can be called."""
    return True


def _assert_has_ops() -> None:
    """Nothing: they can."""
