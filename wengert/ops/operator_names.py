"""torch.ops: operators by namespace and name, which users define (`api/custom_ops.py`)."""

from __future__ import annotations

import importlib
from typing import Any

OPERATORS: dict[str, dict[str, Any]] = {}  # namespace -> name -> operator
LATER = {"profiler": "observe.ranges"}  # namespaces whose module is imported when they are used


class Namespace:
    """torch.ops.NAMESPACE: its operators as attributes."""

    def __init__(self, name: str) -> None:
        self.__dict__["name"] = name

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__["name"]
        if own in LATER and own not in OPERATORS:
            importlib.import_module(f"{__package__.partition('.')[0]}.{LATER[own]}")
        operator = OPERATORS.get(own, {}).get(name)
        if operator is None:
            raise AttributeError(
                f"'_OpNamespace' '{self.__dict__['name']}' object has no attribute '{name}': define"
                " the operator first, with torch.library.custom_op"
            )
        return operator

    def __dir__(self) -> list[str]:
        return sorted(OPERATORS.get(self.__dict__["name"], {}))

    def __repr__(self) -> str:
        return f"torch.ops.{self.__dict__['name']}"


def load_library(path: Any) -> None:
    """Not available: libraries compiled against PyTorch's C++. Raises OSError."""
    raise OSError(
        f"torch.ops.load_library({str(path)!r}): operators compiled against PyTorch cannot be "
        "loaded by wengert; define them in Python with torch.library.custom_op"
    )
