"""torch.nn._reduction: what the losses' older arguments mean, for code that asks there."""

from __future__ import annotations

from ..base.advice import advise

__all__ = ["get_enum", "legacy_get_enum", "legacy_get_string"]


def get_enum(reduction: str) -> int:
    """The number of a reduction: none 0, mean 1, sum 2. ValueError for other names."""
    if reduction == "elementwise_mean":
        advise(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
        )
        return 1
    try:
        return {"none": 0, "mean": 1, "sum": 2}[reduction]
    except KeyError:
        raise ValueError(f"{reduction} is not a valid value for reduction") from None


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> str:
    """The reduction that size_average and reduce ask for."""
    average, reduces = size_average in (None, True), reduce in (None, True)
    found = "mean" if average and reduces else "sum" if reduces else "none"
    if emit_warning:
        advise(
            "size_average and reduce args will be deprecated, please use reduction="
            f"'{found}' instead.",
        )
    return found


def legacy_get_enum(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> int:
    """The number of the reduction that size_average and reduce ask for."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
