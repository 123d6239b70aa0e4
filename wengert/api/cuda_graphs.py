"""CUDA graphs: work on a device that is recorded once, and done again by one launch.

CuPy's streams record. Arrays that are made meanwhile lie in a pool of the graph's own, so that
nobody else writes where it works. On simulated devices the calls are written down and made again
(`arrays/simulated_cuda.py`). None of this has run on a GPU.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

from ..arrays import cuda as _cuda
from ..autodiff.function import Function
from ..autodiff.grad_api import grad
from ..engine.tensor import Tensor
from . import streams

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "make_graphed_callables"]

MODES = ("global", "thread_local", "relaxed")


class CUDAGraph:
    """Work recorded once and replayed: with the arrays it was recorded with, which keep their
    places. `graph` records.

    keep_graph: accepted.

    Raises NoDeviceError without a device.
    """

    def __init__(self, keep_graph: bool = False) -> None:
        _cuda.library()
        self._native: Any = None
        self._pool: Any = None
        self._stream: Any = None
        self._allocator: Any = None

    def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
        """Record what is done on the current stream, which must not be the default one.

        pool: of another graph whose memory is shared; both must not run at the same time.
        capture_error_mode: 'global', 'thread_local' or 'relaxed'; all are relaxed here, as arrays
        that are made meanwhile may need memory.

        Raises RuntimeError on the default stream, or for a graph that is recorded already;
        ValueError for another mode.
        """
        if capture_error_mode not in MODES:
            raise ValueError(
                f"Unknown capture error mode. Expected `global`, `thread_local`, or `relaxed`, got "
                f"{capture_error_mode}"
            )
        if self._native is not None or self._stream is not None:
            raise RuntimeError("This CUDAGraph instance already owns a captured graph: reset() it")
        stream = _cuda.library().cuda.get_current_stream()
        if not stream.ptr:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream: use torch.cuda.graph(g), or "
                "torch.cuda.stream(torch.cuda.Stream()). They may be replayed on the default one"
            )
        self._pool = _cuda.library().cuda.MemoryPool() if pool is None else pool
        self._allocator = _cuda.library().cuda.using_allocator(self._pool.malloc)
        self._allocator.__enter__()
        self._stream = stream
        stream.begin_capture(_cuda.library().cuda.runtime.streamCaptureModeRelaxed)

    def capture_end(self) -> None:
        """End the recording. RuntimeError if there is none."""
        if self._stream is None:
            raise RuntimeError("capture_end() was called without capture_begin()")
        stream, self._stream = self._stream, None
        self._allocator.__exit__(None, None, None)
        self._native = stream.end_capture()

    def instantiate(self) -> None:
        """Accepted: a recorded graph can be launched."""

    def replay(self) -> None:
        """Do the recorded work again, on the current stream. RuntimeError if there is none."""
        if self._native is None:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        self._native.launch()

    def reset(self) -> None:
        """Forget the recorded work, and let its memory go."""
        self._native = self._pool = None

    def pool(self) -> Any:
        """The memory of the graph, for `capture_begin` of another one."""
        return self._pool

    def enable_debug_mode(self) -> None:
        """Accepted, without effect."""

    def debug_dump(self, debug_path: str) -> None:
        """Write the graph as text for Graphviz. RuntimeError if there is none.

        debug_path: of the file.
        """
        if self._native is None:
            raise RuntimeError("CUDAGraph.debug_dump: nothing has been captured")
        with open(debug_path, "w", encoding="utf-8") as file:
            file.write(str(self._native.debug_dot_str()))


class graph:
    """Context manager: what is done inside is recorded into a graph, and done when it is replayed.

    cuda_graph: a CUDAGraph. pool: of another graph whose memory is shared. stream: to record on;
    None: one of its own. capture_error_mode: accepted, see CUDAGraph.capture_begin.
    enable_annotations: accepted. check_input_liveness: accepted.

    Raises RuntimeError where there is no CUDA device.
    """

    default_capture_stream: Any = None

    def __init__(
        self, cuda_graph: CUDAGraph, pool: Any = None, stream: Any = None,
        capture_error_mode: str = "global", enable_annotations: bool = False,
        check_input_liveness: bool = False,
    ) -> None:  # fmt: skip
        if stream is None:
            if graph.default_capture_stream is None:
                graph.default_capture_stream = streams.Stream("cuda")
            stream = graph.default_capture_stream
        self.cuda_graph, self.options = cuda_graph, (pool, capture_error_mode)
        self.capture_stream = stream
        self.context = streams.StreamContext(stream)

    def __enter__(self) -> None:
        _cuda.library().cuda.runtime.deviceSynchronize()
        gc.collect()
        _cuda.library().get_default_memory_pool().free_all_blocks()
        self.context.__enter__()
        try:
            self.cuda_graph.capture_begin(*self.options)
        except BaseException:
            self.context.__exit__(None, None, None)
            raise

    def __exit__(self, *exc: Any) -> None:
        try:
            self.cuda_graph.capture_end()
        finally:
            self.context.__exit__(*exc)
            if exc and exc[0] is not None:
                self.cuda_graph.reset()  # what was recorded is not whole


def graph_pool_handle() -> Any:
    """Memory for several graphs that do not run at the same time."""
    return _cuda.library().cuda.MemoryPool()


def make_graphed_callables(
    callables: Any, sample_args: Any, num_warmup_iters: int = 3, allow_unused_input: bool = False,
    pool: Any = None,
) -> Any:  # fmt: skip
    """Functions, or modules, whose forward and backward passes are graphs: several launches less
    for each call, for arguments of the sample's shapes. A module is returned as itself.

    callables: one of them or a tuple. sample_args: a tuple of tensors for each. num_warmup_iters:
    runs before they are recorded. allow_unused_input: arguments may have no gradient. pool: of
    another graph whose memory is shared.

    Raises RuntimeError for modules with hooks, or whose buffers require gradients.
    """
    single = not isinstance(callables, tuple)
    every = (callables,) if single else callables
    args = (sample_args,) if single else sample_args
    pool = graph_pool_handle() if pool is None else pool
    made = [_graphed(f, a, num_warmup_iters, allow_unused_input, pool) for f, a in zip(every, args)]
    return made[0] if single else tuple(made)


def _graphed(
    f: Any, sample: Sequence[Tensor], warmups: int, unused: bool, pool: Any
) -> Callable[..., Any]:
    module = f if hasattr(f, "named_parameters") else None
    params = []
    if module is not None:
        if module._backward_hooks or module._forward_hooks or module._forward_pre_hooks:
            raise RuntimeError(
                "Modules must not have hooks registered at the time they are passed. However, "
                "registering hooks on modules after passing them through make_graphed_callables is "
                "allowed."
            )
        if any(b.requires_grad for b in module.buffers()):
            raise RuntimeError(
                "In any :class:`~torch.nn.Module` passed to :func:`~make_graphed_callables`, only "
                "parameters may be trainable. All buffers must have ``requires_grad=False``."
            )
        params = [p for p in module.parameters() if p.requires_grad]
    inputs = [t.detach().clone().requires_grad_(t.requires_grad) for t in sample]
    leaves = [t for t in [*inputs, *params] if t.requires_grad]
    run = f.forward if module is not None else f

    def forward() -> tuple[bool, list[Tensor]]:
        found = run(*inputs)
        return isinstance(found, (tuple, list)), (
            list(found) if isinstance(found, (tuple, list)) else [found]
        )

    def backward(outs: list[Tensor], cotangents: list[Tensor]) -> list[Tensor | None]:
        wanted = [o for o in outs if o.requires_grad]
        if not wanted or not leaves:
            return [None] * len(leaves)
        return list(grad(wanted, leaves, cotangents, allow_unused=unused))

    side = streams.Stream("cuda")
    with streams.StreamContext(side):
        for _ in range(warmups):
            _, outs = forward()
            backward(outs, [o.detach().clone() for o in outs if o.requires_grad])
    first, second = CUDAGraph(), CUDAGraph()
    with graph(first, pool, side):
        several, outs = forward()
    cotangents = [o.detach().clone() for o in outs if o.requires_grad]
    with graph(second, pool, side):
        found = backward(outs, cotangents)
    results = [o.detach() for o in outs]
    needs = [o.requires_grad for o in outs]
    gradients = iter(found)
    grads = [next(gradients) if t.requires_grad else None for t in [*inputs, *params]]

    class Graphed(Function):
        """Both graphs as one node."""

        @staticmethod
        def forward(ctx: Any, *given: Tensor) -> Any:
            for place, t in zip(inputs, given):
                if place._a is not t._a:
                    place.detach().copy_(t)
            first.replay()
            fresh = tuple([r.clone() for r in results])
            ctx.mark_non_differentiable(*[r for r, need in zip(fresh, needs) if not need])
            return fresh

        @staticmethod
        def backward(ctx: Any, *given: Tensor) -> Any:
            for place, g in zip(cotangents, [g for g, need in zip(given, needs) if need]):
                place.copy_(g)
            second.replay()
            return tuple([None if g is None else g.detach().clone() for g in grads])

    def call(*given: Tensor) -> Any:
        found = Graphed.apply(*given, *params)
        return tuple(found) if several else found[0]

    if module is None:
        return call
    trained, plain = module.training, module.forward

    def either(*given: Tensor) -> Any:
        return call(*given) if module.training == trained else plain(*given)

    module.forward = either
    return module
