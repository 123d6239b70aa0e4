"""Convolution and attention on CUDA by cuDNN, where nvidia-cudnn-frontend is installed.

What lives here: which calls of the words become graphs of cuDNN's, how a graph is described, built
once for each layout of its operands, and run on CuPy's current stream. What does not: when a result
is believed (`cuda_launcher.Trial`): each graph's first result is compared with the general word's.

Everything is computed as the general words do: float32 in float32 (no TF32), sums of half precision
in float32, and by deterministic algorithms alone. What cuDNN refuses is left to the general words.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.advice import advise
from ..base.backend_flags import cudnn as flags
from .cuda_launcher import Trial
from .windows import Geometry, Ints, output_size

__all__ = ["Plans", "module", "wrap"]

Word = Callable[..., Any]
# of arrays -> cuDNN's name of it
TYPES = {"float16": "HALF", "bfloat16": "BFLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}
HALF = frozenset(("float16", "bfloat16"))
STEP = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float64": 2.0**-40}  # else 2e-5
OPERATIONS = {  # word -> cuDNN's operation, and its names of the operands
    "conv": ("conv_fprop", ("image", "weight")),
    "conv_input": ("conv_dgrad", ("loss", "filter")),
    "conv_weight": ("conv_wgrad", ("image", "loss")),
    "attention": ("sdpa", ("q", "k", "v")),
    "attention_backward": ("sdpa_backward", ("q", "k", "v", "o", "dO", "stats")),
}
ALIGNED = 16  # bytes: where cuDNN takes it that arrays begin
MOST = 2**31 - 1  # elements of an array
KEPT = 512  # graphs of a word
_handles = threading.local()  # cuDNN's handles are of one thread each


@functools.cache
def module() -> Any:
    """The module of nvidia-cudnn-frontend, or None where it is not installed or does not load."""
    try:
        found = importlib.import_module("cudnn")
        found.backend_version()
        return found
    except ModuleNotFoundError as e:
        if e.name == "cudnn":
            return None
        why: Exception = e
    except Exception as e:
        why = e
    advise(
        f"nvidia-cudnn-frontend is installed, but does not load ({type(why).__name__}: {why}); "
        "convolution and attention on CUDA go without it",
        RuntimeWarning,
    )
    return None


class Layout(NamedTuple):
    """How an array lies in memory; strides in elements."""

    dims: Ints
    strides: Ints
    dtype: str


class Key(NamedTuple):
    """What a graph is built for."""

    device: int
    inputs: tuple[Layout, ...]
    outputs: tuple[Layout, ...]
    options: Any


def layout(a: Any) -> Layout:
    """The layout of an array; a dimension of one element has the stride it would have if dense."""
    strides = [s // a.dtype.itemsize for s in a.strides]
    for i in reversed(range(a.ndim)):
        if a.shape[i] == 1:
            strides[i] = strides[i + 1] * a.shape[i + 1] if i + 1 < a.ndim else 1
    return Layout(tuple(a.shape), tuple(strides), a.dtype.name)


def dense(shape: Sequence[int], dtype: str) -> Layout:
    """The layout of an array made here."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.insert(0, strides[0] * n)
    return Layout(tuple(shape), tuple(strides), dtype)


def readable(a: Any) -> Any:
    """An array, or a copy where it lies as cuDNN does not take it: shifted, repeated, backwards."""
    good = a.data.ptr % ALIGNED == 0 and all([s > 0 for s, n in zip(a.strides, a.shape) if n > 1])
    return a if good else a.copy()


def handle(device: int) -> Any:
    """This thread's handle of a device, which is the current one."""
    mine: dict[int, Any] = _handles.__dict__.setdefault("by_device", {})
    if device not in mine:
        mine[device] = module().create_handle()
    return mine[device]


def arguments(cudnn: Any, word: str, options: Any) -> dict[str, Any]:
    """What an operation takes besides its operands. options: a Geometry, or (causal, scale)."""
    if isinstance(options, Geometry):
        return {
            "pre_padding": [lo for lo, _ in options.padding],
            "post_padding": [hi for _, hi in options.padding],
            "stride": list(options.stride),
            "dilation": list(options.dilation),
        }
    causal, scale = options
    found: dict[str, Any] = {"attn_scale": scale}
    if causal:
        found["diagonal_alignment"] = cudnn.diagonal_alignment.TOP_LEFT
        found["diagonal_band_right_bound"] = 0
    found["generate_stats" if word == "attention" else "use_deterministic_algorithm"] = True
    return found


class Plans(Trial):
    """The graphs of one word."""

    title = "cuDNN's {}"

    def __init__(self, word: str, lib: Any) -> None:
        self.operation, self.names = OPERATIONS[word]
        super().__init__(self.operation, lib)
        self.word = word

    def _load(self, key: Key) -> Any:
        """(graph, its tensors, bytes of workspace), or None where cuDNN does not support it."""
        cudnn = module()
        if len(self.functions) >= KEPT:
            self.functions.clear()
            self.believed.clear()
        types = {name: getattr(cudnn.data_type, there) for name, there in TYPES.items()}
        first = key.inputs[0].dtype
        compute = types["float64" if first == "float64" else "float32"]
        try:
            graph = cudnn.pygraph(
                io_data_type=types[first], intermediate_data_type=compute,
                compute_data_type=compute, handle=handle(key.device),
            )  # fmt: skip
            operands = [
                graph.tensor(
                    name=name, dim=list(at.dims), stride=list(at.strides), data_type=types[at.dtype]
                )
                for name, at in zip(self.names, key.inputs)
            ]
            options = arguments(cudnn, self.word, key.options)
            made = getattr(graph, self.operation)(**dict(zip(self.names, operands)), **options)
            results = list(made) if isinstance(made, (list, tuple)) else [made]
            for t, at in zip(results, key.outputs, strict=True):
                t.set_output(True)
                t.set_dim(list(at.dims))
                t.set_stride(list(at.strides))
                t.set_data_type(types[at.dtype])
            graph.validate()
            graph.build_operation_graph()
            graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
            note = cudnn.numerical_note
            refused = [note.DOWN_CONVERT_INPUTS, note.REDUCED_PRECISION_REDUCTION,
                       note.NONDETERMINISTIC]  # fmt: skip
            if first == "float32":
                refused.append(note.TENSOR_CORE)
            graph.deselect_numeric_notes(refused)
            graph.check_support()
            graph.build_plans()
        except cudnn.cudnnGraphNotSupportedError:
            return None
        return graph, (*operands, *results), graph.get_workspace_size()

    def run(self, operands: Sequence[Any], shapes: Sequence[Layout], options: Any) -> Any:
        """(key, arrays of the shapes) as cuDNN computes them, or None."""
        operands = [readable(a) for a in operands]
        device = operands[0].device.id
        key = Key(device, tuple(map(layout, operands)), tuple(shapes), options)
        if self.functions.get(key, self) is None:
            return None
        stream = self.lib.cuda.get_current_stream()
        if key not in self.believed and stream.is_capturing():
            return None  # what is built and compared belongs into no CUDA graph
        if not self.ready(key):
            return None
        dtypes = {a.dtype.name: a.dtype for a in operands}
        found = [self.lib.empty(s.dims, dtypes.get(s.dtype, np.dtype(np.float32))) for s in shapes]
        graph, tensors, size = self.functions[key]
        workspace = self.lib.empty((max(1, size),), np.uint8)
        try:
            module().set_stream(handle(device), stream.ptr)
            pointers = {t: a.data.ptr for t, a in zip(tensors, (*operands, *found))}
            graph.execute(pointers, workspace.data.ptr, handle=handle(device))
        except Exception as e:
            self._give_up(key, f"fails: {type(e).__name__}: {e}")
            return None
        return key, found

    def _alike(self, a: Any, b: Any) -> bool:
        """Relative to the largest number: sums are taken in another order. Gradients that the
        general words leave wide are narrow here.
        """
        if a.shape != b.shape:
            return False
        step = 4 * STEP.get(a.dtype.name, 5e-6)
        if a.dtype.name in HALF:
            a, b = a.astype(np.float32), b.astype(np.float32, copy=False)
        finite = b[self.lib.isfinite(b)]
        scale = float(abs(finite).max()) if finite.size else 1.0
        return bool(self.lib.allclose(a, b, rtol=step, atol=step * scale, equal_nan=True))


# ------------------------------------------------------------------------------------- convolution


def usable(arrays: Sequence[Any], dtypes: Any = TYPES) -> bool:
    """Whether arrays are such as cuDNN may compute with."""
    dtype = arrays[0].dtype
    return (
        flags.enabled
        and dtype.name in dtypes
        and all([a.dtype == dtype and 0 < a.size <= MOST for a in arrays])
    )


def matches(x: Ints, w: Ints, out: Ints, geometry: Geometry) -> bool:
    """Whether spatial sizes are those of one convolution, without cropping."""
    each = zip(x, w, geometry.stride, geometry.padding, geometry.dilation)
    sizes = [output_size(n, k, s, lo, hi, d) for n, k, s, (lo, hi), d in each]
    return tuple(sizes) == tuple(out) and all(lo >= 0 <= hi for lo, hi in geometry.padding)


def planar(a: Any) -> Any:
    """A signal as an image of one row: cuDNN has no convolution over one dimension."""
    return a[:, :, None] if a.ndim == 3 else a


def wide(shape: Ints) -> Ints:
    """The shape of `planar`."""
    return (*shape[:2], 1, *shape[2:]) if len(shape) == 3 else tuple(shape)


def spread(geometry: Geometry) -> Geometry:
    """The geometry of `planar`."""
    if len(geometry.stride) > 1:
        return geometry
    stride, padding, dilation, groups = geometry
    return Geometry((1, *stride), ((0, 0), *padding), (1, *dilation), groups)


def convolved(
    plans: Plans, a: Any, b: Any, shape: Ints, geometry: Geometry, whole: Callable[[], Any],
    bias: Any = None,
) -> Any:  # fmt: skip
    """The result, of shape, of two factors of the trilinear form. whole: the general word."""
    shapes = [dense(wide(shape), a.dtype.name)]
    done = plans.run((planar(a), planar(b)), shapes, spread(geometry))
    if done is None:
        return whole()
    key, (out,) = done
    out = out.reshape(shape)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * (len(shape) - 2)).astype(out.dtype, copy=False)
    return plans.checked(key, out, whole)


def conv(general: Word, lib: Any) -> Word:
    """conv; a bias is added after it."""
    plans = Plans("conv", lib)

    def word(x: Any, w: Any, bias: Any, geometry: Geometry) -> Any:
        whole = lambda: general(x, w, bias, geometry)
        if not usable((x, w)):
            return whole()
        each = zip(x.shape[2:], w.shape[2:], *geometry[:3])
        sizes = tuple([output_size(n, k, s, lo, hi, d) for n, k, s, (lo, hi), d in each])
        if min(sizes) < 1 or not matches(x.shape[2:], w.shape[2:], sizes, geometry):
            return whole()
        return convolved(plans, x, w, (len(x), len(w), *sizes), geometry, whole, bias)

    return word


def conv_input(general: Word, lib: Any) -> Word:
    """conv_input, as cuDNN's gradient of the data."""
    plans = Plans("conv_input", lib)

    def word(g: Any, w: Any, x_shape: Ints, geometry: Geometry) -> Any:
        whole = lambda: general(g, w, x_shape, geometry)
        good = usable((g, w)) and 0 not in x_shape
        if not good or not matches(x_shape[2:], w.shape[2:], g.shape[2:], geometry):
            return whole()
        return convolved(plans, g, w, tuple(x_shape), geometry, whole)

    return word


def conv_weight(general: Word, lib: Any) -> Word:
    """conv_weight, as cuDNN's gradient of the filter."""
    plans = Plans("conv_weight", lib)

    def word(x: Any, g: Any, w_shape: Ints, geometry: Geometry) -> Any:
        whole = lambda: general(x, g, w_shape, geometry)
        good = usable((x, g)) and 0 not in w_shape
        if not good or not matches(x.shape[2:], w_shape[2:], g.shape[2:], geometry):
            return whole()
        return convolved(plans, x, g, tuple(w_shape), geometry, whole)

    return word


# ------------------------------------------------------------------------------------- attention


def heads(a: Any) -> Any:
    """(N, heads, length, features) of an array that may have one head, not named; features lie one
    after the other.
    """
    a = a if a.ndim == 4 else a[:, None]
    return a if a.shape[-1] == 1 or a.strides[-1] == a.dtype.itemsize else a.copy()


def fits(q: Any, k: Any, v: Any) -> bool:
    """Whether cuDNN may attend: half precision, as many keys and heads everywhere."""
    return (
        usable((q, k, v), HALF)
        and q.ndim in (3, 4)
        and q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
        and k.shape[-2] == v.shape[-2]
        and q.shape[-1] == k.shape[-1]
    )


def attention(general: Word, lib: Any) -> Word:
    """attention without mask and dropout: (result, logarithms of the sums)."""
    plans = Plans("attention", lib)

    def word(
        q: Any, k: Any, v: Any, mask: Any = None, noise: Any = None, causal: bool = False,
        scale: float = 1.0,
    ) -> Any:  # fmt: skip
        whole = lambda: general(q, k, v, mask, noise, causal, scale)
        if mask is not None or noise is not None or not fits(q, k, v):
            return whole()
        shape = (*q.shape[:-1], v.shape[-1])
        four = shape if len(shape) == 4 else (shape[0], 1, *shape[1:])
        shapes = [dense(four, q.dtype.name), dense((*four[:-1], 1), "float32")]
        done = plans.run([heads(a) for a in (q, k, v)], shapes, (causal, scale))
        if done is None:
            return whole()
        key, (out, sums) = done
        out = out.reshape(shape)
        # the general word gives probabilities in place of sums: the gradient finds out
        kept = plans.checked(key, (out, None), whole)
        return (out, sums.reshape(shape[:-1])) if kept[0] is out else kept

    return word


def attention_backward(general: Word, lib: Any) -> Word:
    """attention_backward, of what cuDNN's attention gave."""
    plans = Plans("attention_backward", lib)

    def word(
        g: Any, q: Any, k: Any, v: Any, mask: Any = None, noise: Any = None, p: Any = None,
        out: Any = None, causal: bool = False, scale: float = 1.0, needs: Any = (True,) * 4,
    ) -> Any:  # fmt: skip
        def whole(needs: Any = needs) -> Any:
            return general(g, q, k, v, mask, noise, p, out, causal, scale, needs)

        plain = mask is None and noise is None and p is not None and p.shape == q.shape[:-1]
        if not plain or not fits(q, k, v) or not usable((g, q, out)) or needs[3]:
            return whole()
        operands = [heads(a) for a in (q, k, v, out, g)]
        sums = p.reshape((*operands[0].shape[:-1], 1))
        shapes = [dense(a.shape, a.dtype.name) for a in operands[:3]]
        done = plans.run([*operands, sums], shapes, (causal, scale))
        if done is None:
            return whole()
        key, found = done
        three = tuple([a.reshape(like.shape) for a, like in zip(found, (q, k, v))])
        kept = plans.checked(key, (*three, None), lambda: whole((True, True, True, False)))
        return tuple([a if n else None for a, n in zip(kept, needs)])

    return word


WORDS = {
    "conv": conv, "conv_input": conv_input, "conv_weight": conv_weight,
    "attention": attention, "attention_backward": attention_backward,
}  # fmt: skip


def wrap(word: str, general: Word, lib: Any) -> Word:
    """A word over CuPy, with cuDNN in front if there is one."""
    make = WORDS.get(word)
    return general if make is None or module() is None else make(general, lib)
