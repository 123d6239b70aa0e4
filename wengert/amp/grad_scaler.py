"""GradScaler: scaled losses, so that small gradients survive float16.

Steps whose gradients overflow are left out. Casts are not here: see `autocast_mode.py`.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from ..api import functions as T
from ..base import dtypes
from ..base.advice import advise
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .autocast_mode import cuda_available

__all__ = ["GradScaler", "OptState"]


class _MultiDeviceReplicator:
    """A tensor, and its copies on the devices where it is asked for."""

    def __init__(self, master_tensor: Tensor) -> None:
        self.master = master_tensor
        self._per_device_tensors: dict[Any, Tensor] = {}

    def get(self, device: Any) -> Tensor:
        """The copy on a device, which is made once."""
        if device not in self._per_device_tensors:
            self._per_device_tensors[device] = self.master.to(device=device, copy=True)
        return self._per_device_tensors[device]


class OptState(Enum):
    """How far an optimizer has come in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Multiplies losses by a scale and takes it out of the gradients again.

    The scale is divided after a step whose gradients were not finite, which is left out, and grows
    after growth_interval steps without one.

    Args:
        device: "cuda" or "cpu"; without CUDA a scaler for it warns and does nothing.
        init_scale: the first scale.
        growth_factor: more than 1. backoff_factor: less than 1.
        growth_interval: steps between growing.
        enabled: False for a scaler that does nothing.

    Raises TypeError where init_scale is of the wrong type; scale() raises ValueError for what is no
    tensor and no sequence of tensors.

    >>> scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    >>> w = torch.ones(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w.data
    tensor([0.5000])
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    >>> w = torch.ones(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.unscale_(optimizer)
    >>> scaler.step(optimizer), scaler.update()
    (None, None)
    >>> w, scaler.get_scale(), scaler.is_enabled()
    (tensor([0.5000], requires_grad=True), 4.0, True)
    >>> scaler.set_growth_factor(3.0), scaler.set_backoff_factor(0.25)
    (None, None)
    >>> scaler.set_growth_interval(5)
    >>> scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()
    (3.0, 0.25, 5)
    >>> scaler.load_state_dict(scaler.state_dict())
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if enabled and device == "cuda" and not cuda_available():
            advise(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError(f"The growth factor must be > 1.0, got {growth_factor}.")
        if backoff_factor >= 1.0:
            raise AssertionError(f"The backoff factor must be < 1.0, got {backoff_factor}.")
        self._init_scale = init_scale
        self._scale: Tensor | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._growth_tracker: Tensor | None = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh)

    # --- scaling and unscaling -----------------------------------------------------------------

    def scale(self, outputs: Any) -> Any:
        """A tensor, or the tensors of an iterable, times the scale.

        outputs: a tensor or several.

        Tensors have any shape. Raises ValueError where outputs is of the wrong type.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._lazy_init_scale_growth_tracker(outputs.device)
            assert self._scale is not None
            return outputs * self._scale.to(device=outputs.device)
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError(
            f"outputs must be a Tensor or an iterable of Tensors, got {type(outputs).__name__}"
        )

    def _lazy_init_scale_growth_tracker(self, device: Any) -> None:
        self._scale = T.full((), self._init_scale, dtype=dtypes.float32, device=device)
        tracker = self._init_growth_tracker
        self._growth_tracker = T.full((), tracker, dtype=dtypes.int32, device=device)

    def _check_scale_growth_tracker(self, name: str) -> tuple[Tensor, Tensor]:
        if self._scale is None or self._growth_tracker is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale, self._growth_tracker

    def _unscale_grads_(
        self, optimizer: Any, inv_scale: Tensor, found_inf: Tensor, allow_fp16: bool
    ) -> dict[Any, Tensor]:
        """Divide gradients by the scale; for each device 1 where one of them is not finite.

        found_inf: what each device begins with.
        """
        found: dict[Any, Tensor] = {}
        factor = inv_scale.item()
        with no_grad():
            for p in (p for group in optimizer.param_groups for p in group["params"]):
                if p.grad is None:
                    continue
                if not allow_fp16 and p.grad.dtype is dtypes.float16:
                    raise ValueError(
                        "Attempting to unscale FP16 gradients: keep the parameters in float32"
                    )
                sparse = p.grad.is_sparse
                if sparse and p.grad.dtype is dtypes.float16:
                    p.grad = p.grad.coalesce()  # sums of what is finite may not be
                values = p.grad._values() if sparse else p.grad
                bad = values.isfinite().all().logical_not().to(dtypes.float32)
                known = found.get(p.grad.device, found_inf)
                found[p.grad.device] = known.to(p.grad.device).maximum(bad)
                if factor != 1.0 and sparse:
                    p.grad = p.grad * factor
                elif factor != 1.0:
                    p.grad.mul_(factor)
        return found

    @clear_errors
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, before clipping them.

        RuntimeError if that was done already in this iteration.
        """
        if not self._enabled:
            return
        scale, _ = self._check_scale_growth_tracker("unscale_")
        per_optimizer = self._per_optimizer_states[id(optimizer)]
        if per_optimizer["stage"] is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if per_optimizer["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = scale.double().reciprocal().float()
        found = self._unscale_grads_(optimizer, inverse, T.zeros_like(inverse), False)
        per_optimizer["found_inf_per_device"] = found
        per_optimizer["stage"] = OptState.UNSCALED

    # --- stepping ------------------------------------------------------------------------------

    @clear_errors
    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(), after taking the scale out, unless a gradient is not finite.

        Returns what step returns, None where it was left out.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale_growth_tracker("step")
        per_optimizer = self._per_optimizer_states[id(optimizer)]
        if per_optimizer["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            return self._step_by_itself(optimizer, per_optimizer, args, kwargs)
        if per_optimizer["stage"] is OptState.READY:
            self.unscale_(optimizer)
        found = per_optimizer["found_inf_per_device"]
        if not found:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = self._maybe_opt_step(optimizer, per_optimizer, *args, **kwargs)
        per_optimizer["stage"] = OptState.STEPPED
        return result

    def _maybe_opt_step(
        self, optimizer: Any, optimizer_state: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        if any(v.item() for v in optimizer_state["found_inf_per_device"].values()):
            return None
        return optimizer.step(*args, **kwargs)

    def _step_by_itself(
        self, optimizer: Any, per_optimizer: dict[str, Any], args: Any, kwargs: Any
    ) -> Any:
        """A step of an optimizer that unscales and leaves out by itself."""
        scale, _ = self._check_scale_growth_tracker("step")
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            result = optimizer.step(*args, **kwargs, grad_scaler=self)
        else:
            if per_optimizer["stage"] is OptState.READY:
                self._check_inf_per_device(optimizer)
            before = getattr(optimizer, "grad_scale", None)
            unscaled = per_optimizer["stage"] is OptState.UNSCALED
            optimizer.grad_scale = before if unscaled else scale * (1 if before is None else before)
            found = [t.to(scale.device) for t in per_optimizer["found_inf_per_device"].values()]
            optimizer.found_inf = sum(found[1:], found[0])
            result = optimizer.step(*args, **kwargs)
            del optimizer.grad_scale, optimizer.found_inf
        per_optimizer["stage"] = OptState.STEPPED
        return result

    def _check_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        scale, _ = self._check_scale_growth_tracker("_check_inf_per_device")
        one = T.ones_like(scale)
        found = self._unscale_grads_(optimizer, one, T.zeros_like(one), True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale at the end of an iteration, or set it.

        new_scale: the scale; None: adapt. A tensor has one element, of shape (1,) or none.
        """
        if not self._enabled:
            return
        scale, tracker = self._check_scale_growth_tracker("update")
        with no_grad():
            if isinstance(new_scale, (float, int)):
                scale.fill_(new_scale)
            elif new_scale is not None:
                if new_scale.numel() != 1 or new_scale.requires_grad:
                    raise AssertionError(
                        "new_scale should be a float or a 1-element tensor with requires_grad=False"
                    )
                scale.copy_(new_scale.reshape(()))
            else:
                self._adapt(scale, tracker)
        self._per_optimizer_states = defaultdict(_fresh)

    def _adapt(self, scale: Tensor, tracker: Tensor) -> None:
        states = self._per_optimizer_states.values()
        found = [v for state in states for v in state["found_inf_per_device"].values()]
        if not found:
            raise AssertionError("No inf checks were recorded prior to update.")
        if any(v.item() for v in found):
            scale.mul_(self._backoff_factor)
            tracker.fill_(0)
            return
        tracker.add_(1)
        if tracker.item() == self._growth_interval:
            grown = scale * self._growth_factor
            if grown.isfinite():
                scale.copy_(grown)
            tracker.fill_(0)

    # --- what it is set to ---------------------------------------------------------------------

    def get_scale(self) -> float:
        """The scale; 1 where it is not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by when it grows.

        new_factor: a number.
        """
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after an overflow.

        new_factor: a number.
        """
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps the scale grows.

        new_interval: a number of steps.
        """
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        tracker = self._growth_tracker
        return self._init_growth_tracker if tracker is None else int(tracker.item())

    def _get_scale_async(self) -> Tensor | None:
        return self._scale

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    # --- saving and loading --------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Its numbers, for a checkpoint; empty where it is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint. RuntimeError for that of a scaler that was not enabled.

        state_dict: from state_dict().
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None and self._growth_tracker is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(vars(self))
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, "
                    "or at the end after scaler.update()."
                )
            kept.update(
                _init_scale=self.get_scale(),
                _init_growth_tracker=self._get_growth_tracker(),
                _scale=None,
                _growth_tracker=None,
            )
        return kept
