"""A stand-in for the module of nvidia-cudnn-frontend: it takes what 1.32 takes, by the same names,
and computes a graph with NumPy where its operands lie in memory.
"""

import ctypes
import enum
import inspect

import numpy as np

from wengert.arrays import conv
from wengert.arrays.windows import Geometry

data_type = enum.Enum("data_type", "NOT_SET HALF BFLOAT16 FLOAT DOUBLE INT32")
heur_mode = enum.Enum("heur_mode", "A B FALLBACK")
numerical_note = enum.Enum(
    "numerical_note",
    "TENSOR_CORE DOWN_CONVERT_INPUTS REDUCED_PRECISION_REDUCTION NONDETERMINISTIC FFT WINOGRAD",
)
diagonal_alignment = enum.Enum("diagonal_alignment", "TOP_LEFT BOTTOM_RIGHT")


class cudnnGraphNotSupportedError(Exception):
    """What cuDNN has no plan for."""


class State:
    """What tests ask for and look at."""

    refuse = spoil = fail = broken = False
    built, ran = [], []  # names of operations

    @classmethod
    def reset(cls):
        cls.refuse = cls.spoil = cls.fail = cls.broken = False
        cls.built, cls.ran = [], []


def types():
    import ml_dtypes

    return {data_type.HALF: np.float16, data_type.BFLOAT16: ml_dtypes.bfloat16,
            data_type.FLOAT: np.float32, data_type.DOUBLE: np.float64}  # fmt: skip


class Handle:
    stream = None


def backend_version():
    if State.broken:
        raise RuntimeError("Unable to find symbol cudnnGetVersion")
    return 92300


def create_handle():
    return Handle()


def set_stream(handle, stream):
    assert type(handle) is Handle and type(stream) is int
    handle.stream = stream


class Tensor:
    """A description: what it is of is said when the graph is executed."""

    def __init__(self, dim=None, stride=None, dtype=None):
        self.dim, self.stride, self.dtype, self.output = dim, stride, dtype, False

    def set_output(self, value):
        self.output = value

    def set_dim(self, value):
        self.dim = integers(value)

    def set_stride(self, value):
        self.stride = integers(value)

    def set_data_type(self, value):
        assert isinstance(value, data_type)
        self.dtype = value

    def at(self, pointer):
        """The array that lies at an address."""
        assert type(pointer) is int and pointer % 16 == 0
        dtype = np.dtype(types()[self.dtype])
        extent = sum((n - 1) * s for n, s in zip(self.dim, self.stride)) + 1
        raw = (ctypes.c_char * (extent * dtype.itemsize)).from_address(pointer)
        strides = [s * dtype.itemsize for s in self.stride]
        return np.ndarray(self.dim, dtype, raw, 0, strides)


def integers(value):
    assert type(value) is list and all(type(n) is int and n >= 0 for n in value)
    return value


class pygraph:
    """One operation, and the steps that lead to running it, in their order."""

    def __init__(
        self, name="test_graph", io_data_type=None, intermediate_data_type=None,
        compute_data_type=None, handle=None,
    ):  # fmt: skip
        assert type(handle) is Handle
        wide = data_type.DOUBLE if io_data_type is data_type.DOUBLE else data_type.FLOAT
        assert compute_data_type is intermediate_data_type is wide
        self.io, self.steps, self.called, self.notes = io_data_type, [], None, None

    def tensor(
        self, dim, stride=None, data_type=None, is_virtual=False, is_pass_by_value=False, name=""
    ):
        assert len(integers(dim)) == len(integers(stride)) >= 4 and min(stride) > 0
        return Tensor(dim, stride, data_type)

    def _conv(self, name, operands, pre_padding, post_padding, stride, dilation):
        for sizes in (pre_padding, post_padding, stride, dilation):
            assert len(integers(sizes)) == len(operands[0].dim) - 2
        padding = tuple(zip(pre_padding, post_padding, strict=True))
        self.called = (name, operands, (tuple(stride), padding, tuple(dilation)), [Tensor()])
        return self.called[-1][0]

    def conv_fprop(self, image, weight, pre_padding, post_padding, stride, dilation):
        return self._conv("fprop", [image, weight], pre_padding, post_padding, stride, dilation)

    def conv_dgrad(self, loss, filter, pre_padding, post_padding, stride, dilation):
        return self._conv("dgrad", [loss, filter], pre_padding, post_padding, stride, dilation)

    def conv_wgrad(self, image, loss, pre_padding, post_padding, stride, dilation):
        return self._conv("wgrad", [image, loss], pre_padding, post_padding, stride, dilation)

    def sdpa(
        self, q, k, v, attn_scale=None, diagonal_alignment=None, diagonal_band_right_bound=None,
        generate_stats=None,
    ):  # fmt: skip
        assert generate_stats is True and type(attn_scale) is float
        self.called = ("sdpa", [q, k, v], (attn_scale, diagonal_band_right_bound == 0),
                       [Tensor(), Tensor()])  # fmt: skip
        return self.called[-1]

    def sdpa_backward(
        self, q, k, v, o, dO, stats, attn_scale=None, diagonal_alignment=None,
        diagonal_band_right_bound=None, use_deterministic_algorithm=False,
    ):  # fmt: skip
        assert use_deterministic_algorithm is True and stats.dtype is data_type.FLOAT
        self.called = ("sdpa_backward", [q, k, v, o, dO, stats],
                       (attn_scale, diagonal_band_right_bound == 0),
                       [Tensor(), Tensor(), Tensor()])  # fmt: skip
        return self.called[-1]

    def _step(self):
        self.steps.append(inspect.currentframe().f_back.f_code.co_name)

    def validate(self):
        self._step()
        assert all(t.output and t.dim and t.dtype for t in self.called[3])
        if self.called[0].startswith("sdpa"):
            assert all(t.stride[-1] == 1 or t.dim[-1] == 1 for t in self.called[1])
            if self.io not in (data_type.HALF, data_type.BFLOAT16) or self.called[1][0].dim[3] % 8:
                raise cudnnGraphNotSupportedError("head_dim should be a multiple of 8")

    def build_operation_graph(self):
        self._step()

    def create_execution_plans(self, heuristics):
        self._step()
        assert all(isinstance(h, heur_mode) for h in heuristics)

    def deselect_numeric_notes(self, notes):
        self._step()
        self.notes = set(notes)

    def check_support(self):
        self._step()
        if State.refuse:
            raise cudnnGraphNotSupportedError("no engine")

    def build_plans(self):
        self._step()
        assert self.steps == ["validate", "build_operation_graph", "create_execution_plans",
                              "deselect_numeric_notes", "check_support", "build_plans"]  # fmt: skip
        note = numerical_note
        assert {note.DOWN_CONVERT_INPUTS, note.NONDETERMINISTIC} < self.notes
        assert (note.TENSOR_CORE in self.notes) == (self.io is data_type.FLOAT)
        State.built.append(self.called[0])

    def get_workspace_size(self):
        return 1024

    def execute(self, tensor_dict, workspace=None, handle=None):
        assert self.steps[-1] == "build_plans" and handle.stream == 7 and type(workspace) is int
        ctypes.memset(workspace, 255, self.get_workspace_size())
        name, operands, options, results = self.called
        if State.fail:
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        assert tensor_dict.keys() == {*operands, *results}
        State.ran.append(name)
        compute = np.float64
        arrays = [t.at(tensor_dict[t]).astype(compute) for t in operands]
        into = [t.at(tensor_dict[t]) for t in results]
        if name.startswith("sdpa"):
            found = attend(name, arrays, *options)
        else:
            found = [convolve(name, *arrays, into[0].shape, options)]
        for t, a in zip(into, found, strict=True):
            t[...] = a
        if State.spoil:
            into[0][(0,) * into[0].ndim] += 1


def convolve(name, a, b, shape, facts):
    """The three views of a convolution; groups are those that the channels tell."""
    x, w = {"fprop": (a.shape, b.shape), "dgrad": (shape, b.shape), "wgrad": (a.shape, shape)}[name]
    geometry = Geometry(*facts, x[1] // w[1])
    if name == "fprop":
        return conv.conv(np, a, b, None, geometry)
    return (conv.conv_input if name == "dgrad" else conv.conv_weight)(np, a, b, shape, geometry)


def attend(name, arrays, scale, causal):
    q, k, v, *rest = arrays
    s = q @ k.swapaxes(-1, -2) * scale
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -np.inf)
    if name == "sdpa":
        sums = np.log(np.exp(s).sum(-1, keepdims=True))
        return [np.exp(s - sums) @ v, sums]
    o, g, sums = rest
    p = np.exp(s - sums)
    gs = p * (g @ v.swapaxes(-1, -2) - (g * o).sum(-1, keepdims=True)) * scale
    return [gs @ k, gs.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g]
