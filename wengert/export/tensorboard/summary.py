"""What one event holds: numbers, histograms, images, sounds and texts as TensorBoard's messages.

Each function returns a Summary, as `FileWriter.add_summary` takes it. The `tensorboard` package is
imported where a message is made.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...api import functions as T
from ...base import dtypes
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .pictures import as_array, as_bytes, convert_to_HWC, gif, png, video_frames

__all__ = [
    "audio", "compute_curve", "custom_scalars", "hparams", "histogram", "histogram_raw", "image",
    "image_boxes", "make_histogram", "mesh", "pr_curve", "pr_curve_raw", "scalar", "tensor_proto",
    "text", "video",
]  # fmt: skip


def _one(tag: str, **fields: Any) -> Any:
    """A summary of one value."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, **fields)])


def _plugin(name: str, content: bytes = b"") -> Any:
    """Metadata that say which part of TensorBoard shows a value."""
    from tensorboard.compat.proto.summary_pb2 import SummaryMetadata

    data = SummaryMetadata.PluginData(plugin_name=name, content=content)
    return SummaryMetadata(plugin_data=data)


def _tensor(dtype: str, shape: Sequence[int], **values: Any) -> Any:
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    dims = [TensorShapeProto.Dim(size=n) for n in shape]
    return TensorProto(dtype=dtype, tensor_shape=TensorShapeProto(dim=dims), **values)


# --- numbers -------------------------------------------------------------------------------------


@clear_errors
def scalar(
    name: str,
    tensor: Any,
    collections: Any = None,
    new_style: bool = False,
    double_precision: bool = False,
) -> Any:
    """One number. AssertionError for more of them.

    name: of the parameter, tensor or extension. tensor: the values. collections: accepted.
    new_style: as a tensor. double_precision: accepted. Raises TypeError where name or tensor is of
    the wrong type; ValueError where tensor is of the wrong type.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.scalar("loss", 0.5).value[0].tag
    'loss'
    """
    value = as_array(tensor)
    if value.size != 1:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {value.size} and "
            f"{value.ndim} dimensions."
        )
    number = float(value.reshape(()))
    if not new_style:
        return _one(name, simple_value=number)
    if double_precision:
        content = _tensor("DT_DOUBLE", (), double_val=[number])
    else:
        content = _tensor("DT_FLOAT", (), float_val=[number])
    return _one(name, tensor=content, metadata=_plugin("scalars"))


# dtype -> (TensorBoard's name, the field of its values)
TENSOR_TYPES = {
    "float16": ("DT_HALF", "half_val"),
    "bfloat16": ("DT_BFLOAT16", "half_val"),
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "int8": ("DT_INT8", "int_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "uint8": ("DT_UINT8", "uint32_val"),
    "bool": ("DT_BOOL", "bool_val"),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
}


@clear_errors
def tensor_proto(tag: str, tensor: Tensor) -> Any:
    """All numbers of a tensor. ValueError for dtypes without a counterpart.

    tag: the name of the series. The tensor has any shape. Raises TypeError where tag is of the
    wrong type or tensor is no tensor.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.tensor_proto("x", torch.ones(2)).value[0].tensor.float_val[:]
    [1.0, 1.0]
    """
    if tensor.dtype.name not in TENSOR_TYPES:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    if tensor.numel() * tensor.itemsize >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    dtype, field = TENSOR_TYPES[tensor.dtype.name]
    flat = tensor.detach().cpu().flatten()
    if field == "half_val":  # the bits of each number
        flat = flat.view(dtypes.int16).to(dtypes.int32) & 0xFFFF
    elif "complex" in field:
        flat = T.view_as_real(flat).flatten()
    content = _tensor(dtype, tensor.shape, **{field: flat.tolist()})
    return _one(tag, tensor=content, metadata=_plugin("tensor"))


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: int,
    sum: float,
    sum_squares: float,
    bucket_limits: Sequence[float],
    bucket_counts: Sequence[float],
) -> Any:
    """A histogram that has been counted already.

    name: of the parameter, tensor or extension. min: the least number. max: the largest number.
    num: how many numbers. sum: their sum. sum_squares: the sum of their squares. bucket_limits: the
    upper limits of the buckets. bucket_counts: how many numbers are in each. Raises TypeError where
    name, min, max, num, sum, sum_squares, bucket_limits or bucket_counts is of the wrong type;
    ValueError where min, max, num, sum or sum_squares is a tensor of several numbers.

    >>> from wengert.utils.tensorboard import summary
    >>> s = summary.histogram_raw("x", 0, 2, 3, 3.0, 5.0, [1.0, 2.0], [1, 2])
    >>> s.value[0].histo.num
    3.0
    """
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    counted = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return _one(name, histo=counted)


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """A histogram of numbers; bins as in `numpy.histogram`, joined down to max_bins.

    name: of the parameter, tensor or extension. values: the numbers. Raises ValueError where values
    are no numbers; TypeError where name is of the wrong type; NotImplementedError where values is
    of the wrong type.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.histogram("x", np.arange(4.0), bins=[0, 2, 4]).value[0].histo.num
    4.0
    """
    counted = make_histogram(as_array(values).astype(float), bins, max_bins)
    return _one(name, histo=counted)


@clear_errors
def make_histogram(values: np.ndarray, bins: Any, max_bins: int | None = None) -> Any:
    """Counts of numbers in bins, without empty bins at the ends. ValueError without numbers.

    values: the numbers. max_bins: at most so many. Raises TypeError where values is of the wrong
    type.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.make_histogram(np.arange(4.0), [0, 2, 4]).sum
    6.0
    """
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    if not values.size:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        counts = np.add.reduceat(counts, np.arange(0, len(counts), step))
        limits = np.append(limits[:-1:step], limits[-1])
    found = np.flatnonzero(counts)
    if not found.size:
        raise ValueError("The histogram is empty: none of the numbers lies in a bin")
    # A bucket is what lies below its limit, so that one empty bucket comes first.
    first, last = found[0], found[-1] + 1
    counts = counts[first - 1 : last] if first else np.append(0, counts[:last])
    return HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limit=limits[first : last + 1].tolist(),
        bucket=counts.tolist(),
    )


# --- pictures, sounds, texts ---------------------------------------------------------------------


@clear_errors
def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Any:
    """An image, or several in a grid; numbers from 0 to 1, or bytes.

    tag: the name of the series. tensor: the values. rescale: the size of the result by that of the
    image. dataformats: which letters the dimensions are. Raises AssertionError where dataformats
    does not name each dimension once; TypeError where tag or dataformats is of the wrong type;
    NotImplementedError where tensor is of the wrong type.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.image("x", np.zeros((3, 4, 5)), dataformats="CHW").value[0].image.width
    5
    """
    return _one(tag, image=png(as_bytes(convert_to_HWC(as_array(tensor), dataformats)), rescale))


@clear_errors
def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: Sequence[str] | None = None,
) -> Any:
    """An image with frames (n, 4), each left, top, right, bottom.

    tag: the name of the series. tensor_image: the image. tensor_boxes: (N, 4) as x1, y1, x2, y2.
    rescale: the size of the result by that of the image. dataformats: which letters the dimensions
    are. labels: 0 or 1, or texts for the boxes. Raises TypeError where a frame has not four
    numbers; NotImplementedError where tensor_image or tensor_boxes is of the wrong type; IndexError
    where labels is empty or too short.

    >>> from wengert.utils.tensorboard import summary
    >>> pixels, boxes = np.zeros((3, 9, 9)), np.array([[1, 1, 5, 5]])
    >>> summary.image_boxes("x", pixels, boxes, labels=["a"]).value[0].image.height
    9
    """
    pixels = np.ascontiguousarray(as_bytes(convert_to_HWC(as_array(tensor_image), dataformats)))
    return _one(tag, image=png(pixels, rescale, as_array(tensor_boxes), labels))


def video(tag: str, tensor: Any, fps: float = 4) -> Any:
    """Videos (n, time, channels, height, width) side by side, as an animated GIF.

    tag: the name of the series. tensor: the values. fps: pictures per second. Raises AssertionError
    for other shapes; TypeError where tag is of the wrong type; NotImplementedError where tensor is
    of the wrong type.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.video("x", np.zeros((1, 2, 3, 8, 8), dtype=np.uint8)).value[0].image.width
    8
    """
    return _one(tag, image=gif(video_frames(as_array(tensor)), fps))


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """A sound of one channel, numbers from -1 to 1; what is beyond is cut off.

    tag: the name of the series. tensor: the values. sample_rate: samples per second, in Hz. Raises
    AssertionError where the tensor has not one dimension; TypeError where tag is of the wrong type;
    NotImplementedError where tensor is of the wrong type; wave.Error where sample_rate is of the
    wrong type, negative, 0 or a tensor of several numbers.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.audio("x", np.zeros(100), sample_rate=8000).value[0].audio.length_frames
    100
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    samples = as_array(tensor).squeeze()
    if samples.ndim != 1:
        raise AssertionError(f"input tensor should be 1 dimensional, got shape {samples.shape}")
    samples = (samples.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2")
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
    sound = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(samples),
        encoded_audio_string=data.getvalue(),
        content_type="audio/wav",
    )
    return _one(tag, audio=sound)


@clear_errors
def text(tag: str, text: str) -> Any:
    """A text, which TensorBoard reads as Markdown.

    tag: the name of the series. Raises TypeError where tag or text is no str.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.text("note", "**begun**").value[0].tag
    'note/text_summary'
    """
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    metadata = _plugin("text", TextPluginData(version=0).SerializeToString())
    content = _tensor("DT_STRING", (1,), string_val=[text.encode("utf_8")])
    return _one(tag + "/text_summary", tensor=content, metadata=metadata)


# --- curves and layouts --------------------------------------------------------------------------

MOST_THRESHOLDS = 127


def _curve(tag: str, data: np.ndarray, num_thresholds: int) -> Any:
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    settings = PrCurvePluginData(version=0, num_thresholds=num_thresholds)
    content = _tensor("DT_FLOAT", data.shape, float_val=data.reshape(-1).tolist())
    return _one(tag, tensor=content, metadata=_plugin("pr_curves", settings.SerializeToString()))


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = MOST_THRESHOLDS,
    weights: Any = None,
) -> Any:
    """A precision-recall curve that has been counted already.

    tag: the name of the series. tp: at each threshold. fp: at each threshold. tn: at each
    threshold. fn: at each threshold. num_thresholds: how many thresholds. weights: a factor for
    each, or one. Raises TypeError where tag or num_thresholds is of the wrong type;
    NotImplementedError where tp, fp, tn, fn, precision or recall is of the wrong type; ValueError
    where num_thresholds is negative; RuntimeError where num_thresholds is a tensor of several
    numbers.

    >>> from wengert.utils.tensorboard import summary
    >>> one = np.ones(3)
    >>> s = summary.pr_curve_raw("pr", one, one, one, one, one / 2, one / 2, num_thresholds=3)
    >>> s.value[0].tag
    'pr'
    """
    rows = [a if isinstance(a, list) else as_array(a) for a in (tp, fp, tn, fn, precision, recall)]
    return _curve(tag, np.stack(rows), min(num_thresholds, MOST_THRESHOLDS))


def pr_curve(
    tag: str,
    labels: Any,
    predictions: Any,
    num_thresholds: int = MOST_THRESHOLDS,
    weights: Any = None,
) -> Any:
    """A precision-recall curve of labels 0 or 1 and predicted probabilities.

    tag: the name of the series. predictions: from 0 to 1. num_thresholds: how many thresholds.
    weights: a factor for each, or one. Raises ValueError where labels and predictions differ in
    shape; TypeError where tag or num_thresholds is of the wrong type; NotImplementedError where
    labels or predictions is of the wrong type; RuntimeError where num_thresholds is a tensor of
    several numbers.

    >>> from wengert.utils.tensorboard import summary
    >>> s = summary.pr_curve("pr", np.array([0, 1]), np.array([0.2, 0.9]), num_thresholds=3)
    >>> s.value[0].tensor.tensor_shape.dim[1].size
    3
    """
    num_thresholds = min(num_thresholds, MOST_THRESHOLDS)
    data = compute_curve(as_array(labels), as_array(predictions), num_thresholds, weights)
    return _curve(tag, data, num_thresholds)


@clear_errors
def compute_curve(
    labels: np.ndarray, predictions: np.ndarray, num_thresholds: int, weights: Any = None
) -> np.ndarray:
    """True and false positives and negatives, precision and recall for each threshold.

    labels: 0 or 1, or texts for the boxes. predictions: from 0 to 1. num_thresholds: how many
    thresholds. weights: a factor for each, or one. Raises TypeError where labels, predictions or
    num_thresholds is of the wrong type; ValueError where num_thresholds is negative or 0;
    RuntimeError where num_thresholds is a tensor of several numbers.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.compute_curve(np.array([0, 1]), np.array([0.2, 0.9]), num_thresholds=2)[0]
    array([1., 0.])
    """
    weights = 1.0 if weights is None else np.asarray(weights)
    label = labels.astype(np.float64)
    bucket = np.floor(predictions * (num_thresholds - 1)).astype(np.int32)

    def at_least(weight: Any) -> np.ndarray:
        """The weight of predictions from each threshold on."""
        span = (0, num_thresholds - 1)
        each, _ = np.histogram(bucket, num_thresholds, span, weights=weight)
        return np.cumsum(each[::-1])[::-1]

    tp, fp = at_least(label * weights), at_least((1.0 - label) * weights)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision = tp / np.maximum(1e-7, tp + fp)
    recall = tp / np.maximum(1e-7, tp + fn)
    return np.stack((tp, fp, tn, fn, precision, recall))


@clear_errors
def custom_scalars(layout: dict[str, dict[str, Sequence[Any]]]) -> Any:
    """Which scalars are drawn together: {category: {title: ["Multiline" or "Margin", tags]}}.

    layout: category -> chart -> series.

    Raises TypeError where layout is no dict.

    >>> from wengert.utils.tensorboard import summary
    >>> layout = {"Losses": {"both": ["Multiline", ["train", "valid"]]}}
    >>> summary.custom_scalars(layout).value[0].tag
    'custom_scalars__config__'
    """
    from tensorboard.plugins.custom_scalar import layout_pb2

    categories = []
    for name, charts in layout.items():
        made = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"a margin chart has 3 tags, got {len(tags)}")
                series = layout_pb2.MarginChartContent.Series(
                    value=tags[0], lower=tags[1], upper=tags[2]
                )
                margin = layout_pb2.MarginChartContent(series=[series])
                made.append(layout_pb2.Chart(title=title, margin=margin))
            else:
                lines = layout_pb2.MultilineChartContent(tag=tags)
                made.append(layout_pb2.Chart(title=title, multiline=lines))
        categories.append(layout_pb2.Category(title=name, chart=made))
    content = layout_pb2.Layout(category=categories).SerializeToString()
    return _one(
        "custom_scalars__config__",
        tensor=_tensor("DT_STRING", (), string_val=[content]),
        metadata=_plugin("custom_scalars"),
    )


def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: dict[str, Any] | None,
    display_name: str | None = None,
    description: str | None = None,
) -> Any:
    """Points or surfaces in space: vertices (n, points, 3), colors and faces likewise or None.

    tag: the name of the series. config_dict: options of three.js. display_name: the title.
    description: a text.

    Raises ValueError for other shapes; TypeError where tag or config_dict is of the wrong type;
    NotImplementedError where vertices, colors or faces is of the wrong type.

    >>> from wengert.utils.tensorboard import summary
    >>> summary.mesh("points", np.zeros((1, 4, 3)), None, None, None).value[0].tag
    'points_VERTEX'
    """
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.mesh import metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData

    config = json.dumps(config_dict, sort_keys=True) if config_dict is not None else "{}"
    parts = [
        (as_array(values), kind)
        for values, kind in (
            (vertices, MeshPluginData.VERTEX),
            (faces, MeshPluginData.FACE),
            (colors, MeshPluginData.COLOR),
        )
        if values is not None
    ]
    components = metadata.get_components_bitmask([kind for _, kind in parts])
    values = []
    for array, kind in parts:
        about = metadata.create_summary_metadata(
            tag, display_name, kind, components, array.shape, description, json_config=config
        )
        content = _tensor("DT_FLOAT", array.shape, float_val=array.reshape(-1).tolist())
        name = metadata.get_instance_name(tag, kind)
        values.append(Summary.Value(tag=name, tensor=content, metadata=about))
    return Summary(value=values)


# --- hyperparameters -----------------------------------------------------------------------------


def hparams(
    hparam_dict: dict[str, Any],
    metric_dict: dict[str, Any],
    hparam_domain_discrete: dict[str, list[Any]] | None = None,
) -> tuple[Any, Any, Any]:
    """The hyperparameters of a run: summaries of the experiment, of its start and of its end.

    TypeError unless all are dicts, and the domains lists of values of their parameter's type;
    ValueError for parameters that are no numbers, strings or bools.

    hparam_dict: name -> value. metric_dict: name -> value. hparam_domain_discrete: name -> the
    values that there are.

    >>> from wengert.utils.tensorboard import summary
    >>> experiment, begins, ends = summary.hparams({"lr": 0.1}, {"loss": 0.5})
    >>> experiment.value[0].tag
    '_hparams_/experiment'
    """
    from google.protobuf import struct_pb2
    from tensorboard.plugins.hparams import api_pb2, metadata
    from tensorboard.plugins.hparams import plugin_data_pb2 as messages

    domains = hparam_domain_discrete or {}
    for name, given in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict),
                        ("hparam_domain_discrete", domains)):  # fmt: skip
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    for name, values in domains.items():
        kind = type(hparam_dict.get(name))
        if name not in hparam_dict or not isinstance(values, list) or not all(
            isinstance(v, kind) for v in values
        ):  # fmt: skip
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                f"hparam_dict[{name}]."
            )
    start = messages.SessionStartInfo()
    infos = []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        if isinstance(value, Tensor):
            value = as_array(value).item()
        found = HPARAM_FIELDS.get(type(value)) or next(
            (f for kind, f in HPARAM_FIELDS.items() if isinstance(value, kind)), None
        )
        if found is None:
            raise ValueError(
                "value should be one of int, float, str, bool, or torch.Tensor, but "
                f"hparam_dict[{name!r}] is {type(value).__name__}"
            )
        field, kind_name = found
        setattr(start.hparams[name], field, value)
        info = api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind_name))
        if name in domains:
            values = [struct_pb2.Value(**{field: v}) for v in domains[name]]
            info.domain_discrete.CopyFrom(struct_pb2.ListValue(values=values))
        infos.append(info)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in metric_dict]
    experiment = api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)
    end = messages.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))

    def summary(tag: str, **content: Any) -> Any:
        data = messages.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
        return _one(tag, metadata=_plugin(metadata.PLUGIN_NAME, data.SerializeToString()))

    return (
        summary(metadata.EXPERIMENT_TAG, experiment=experiment),
        summary(metadata.SESSION_START_INFO_TAG, session_start_info=start),
        summary(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    )


# type -> (field of a value, name of the type); bool before the int that it is, too
HPARAM_FIELDS: dict[type, tuple[str, str]] = {
    bool: ("bool_value", "DATA_TYPE_BOOL"),
    int: ("number_value", "DATA_TYPE_FLOAT64"),
    float: ("number_value", "DATA_TYPE_FLOAT64"),
    str: ("string_value", "DATA_TYPE_STRING"),
}
