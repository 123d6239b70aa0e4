"""SummaryWriter: what it has written is read back by TensorBoard's own reader."""

import io

import numpy as np
import pytest

import wengert as w

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from wengert.utils.tensorboard import SummaryWriter, summary


@pytest.fixture
def logged(tmp_path):
    """Runs what logs, and gives what TensorBoard then reads."""

    def run(log):
        with SummaryWriter(tmp_path / "run") as writer:
            log(writer)
        reader = EventAccumulator(str(tmp_path / "run"), {"histograms": 0, "images": 0, "audio": 0})
        return reader.Reload()

    return run


def test_scalars(logged):
    def log(writer):
        for step in range(3):
            writer.add_scalar("loss", w.tensor(step / 2), step, walltime=100.0 + step)
        writer.add_scalar("lr", 0.25)
        writer.add_scalar("new", 1.5, 7, new_style=True)
        writer.add_scalar("double", 0.1, 7, new_style=True, double_precision=True)

    reader = logged(log)
    events = reader.Scalars("loss")
    assert [(e.step, e.value, e.wall_time) for e in events] == [
        (0, 0.0, 100.0), (1, 0.5, 101.0), (2, 1.0, 102.0),
    ]  # fmt: skip
    assert reader.Scalars("lr")[0].value == 0.25
    (event,) = reader.Tensors("double")
    assert tensor_util.make_ndarray(event.tensor_proto) == 0.1


def test_several_scalars_are_runs_of_their_own(logged, tmp_path):
    logged(lambda writer: writer.add_scalars("acc", {"train": 0.5, "test": 0.25}, 3))
    for tag, value in (("train", 0.5), ("test", 0.25)):
        reader = EventAccumulator(str(tmp_path / "run" / f"acc_{tag}")).Reload()
        assert [(e.step, e.value) for e in reader.Scalars("acc")] == [(3, value)]


@pytest.mark.parametrize("max_bins", [None, 3])
def test_histogram(logged, max_bins):
    values = w.tensor([-1.0, 0.5, 0.5, 2.0])
    bins = [-2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    reader = logged(
        lambda writer: writer.add_histogram("h", values, 1, bins=bins, max_bins=max_bins)
    )
    histogram = reader.Histograms("h")[0].histogram_value
    assert (histogram.min, histogram.max, histogram.num) == (-1.0, 2.0, 4)
    assert histogram.sum == 2.0 and histogram.sum_squares == 5.5
    assert sum(histogram.bucket) == 4
    if max_bins is None:
        assert list(histogram.bucket_limit) == [-2.0, 0.0, 1.0, 2.0, 3.0]
        assert list(histogram.bucket) == [0, 1, 2, 0, 1]


def test_histogram_as_pytorch_counts_it():
    numbers = np.random.default_rng(0).standard_normal(500)
    theirs = pytest.importorskip("torch.utils.tensorboard.summary")
    from wengert.export.tensorboard.writer import default_bins
    from wengert.utils.tensorboard import summary

    limits = default_bins()
    for bins, most in ((limits, None), (limits, 64), (10, None), ("auto", None)):
        ours = summary.make_histogram(numbers, bins, most)
        expected = theirs.make_histogram(numbers, bins, most)
        assert ours.SerializeToString() == expected.SerializeToString()


def picture(event):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))


def test_images(logged):
    image = w.zeros(3, 2, 4)
    image[0, 0, 0] = 1.0
    several = w.arange(24, dtype=w.uint8).reshape(2, 1, 3, 4)

    def log(writer):
        writer.add_image("chw", image)
        writer.add_image("hwc", image.permute(1, 2, 0), dataformats="HWC")
        writer.add_image("hw", image[0], dataformats="HW")
        writer.add_images("grid", several)
        writer.add_image_with_boxes(
            "boxes", w.zeros(3, 60, 60), w.tensor([[2.0, 2.0, 50.0, 50.0]]), labels=["a"]
        )

    reader = logged(log)
    for tag in ("chw", "hwc"):
        pixels = picture(reader.Images(tag)[0])
        assert pixels.shape == (2, 4, 3) and pixels[0, 0].tolist() == [255, 0, 0]
        assert pixels.sum() == 255
    assert picture(reader.Images("hw")[0])[0, 0].tolist() == [255] * 3
    grid = picture(reader.Images("grid")[0])
    assert grid.shape == (3, 8, 3)
    np.testing.assert_array_equal(grid[:, :4, 0], several[0, 0].numpy())
    np.testing.assert_array_equal(grid[:, 4:, 2], several[1, 0].numpy())
    boxes = picture(reader.Images("boxes")[0])
    assert boxes[2, 25].tolist() == [255, 0, 0] and boxes[15, 25].sum() == 0


def test_figure(logged):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = pyplot.figure(figsize=(1, 1), dpi=20)

    def log(writer):
        writer.add_figure("one", figure, close=False)
        writer.add_figure("two", [figure, pyplot.figure(figsize=(1, 1), dpi=20)])

    reader = logged(log)
    assert picture(reader.Images("one")[0]).shape == (20, 20, 3)
    assert picture(reader.Images("two")[0]).shape == (20, 40, 3)
    assert not pyplot.get_fignums()


def test_video_and_audio(logged):
    def log(writer):
        writer.add_video("video", w.rand(3, 4, 3, 5, 6), fps=2)
        writer.add_audio("sound", w.linspace(-2, 2, 9)[None], sample_rate=8000)

    reader = logged(log)
    event = reader.Images("video")[0]
    assert event.encoded_image_string[:3] == b"GIF"
    from PIL import Image

    moving = Image.open(io.BytesIO(event.encoded_image_string))
    assert moving.n_frames == 4 and moving.size == (24, 5)
    (sound,) = reader.Audio("sound")
    assert sound.sample_rate == 8000 and sound.length_frames == 9
    samples = np.frombuffer(sound.encoded_audio_string[-18:], "<i2")
    assert samples[0] == -32767 and samples[4] == 0 and samples[-1] == 32767


def test_text_tensors_and_curves(logged):
    def log(writer):
        writer.add_text("notes", "**héllo**", 2)
        writer.add_tensor("t", w.tensor([[1.5, 2.5]]), 1)
        writer.add_tensor("half", w.tensor([1.5], dtype=w.bfloat16))
        writer.add_pr_curve("pr", w.tensor([1, 0, 1, 0]), w.tensor([0.9, 0.8, 0.4, 0.1]), 3, 5)
        writer.add_mesh("mesh", w.zeros(1, 3, 3), faces=w.zeros(1, 1, 3, dtype=w.int64))
        writer.add_custom_scalars({"a": {"b": ["Multiline", ["x/.*"]]}})
        writer.add_custom_scalars_marginchart(["v", "lo", "hi"])

    reader = logged(log)
    (note,) = reader.Tensors("notes/text_summary")
    assert note.step == 2 and note.tensor_proto.string_val[0].decode() == "**héllo**"
    np.testing.assert_array_equal(
        tensor_util.make_ndarray(reader.Tensors("t")[0].tensor_proto), [[1.5, 2.5]]
    )
    curve = tensor_util.make_ndarray(reader.Tensors("pr")[0].tensor_proto)
    tp, fp, tn, fn = curve[:4]
    assert (tp + fn == 2).all() and (fp + tn == 2).all()
    assert tp.tolist() == [2.0, 2.0, 1.0, 1.0, 0.0] and fp[0] == 2.0
    assert "mesh_VERTEX" in reader.Tags()["tensors"]


def test_hparams(logged, tmp_path):
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    hyper = {"lr": 0.1, "bs": 4, "amp": True, "opt": "sgd", "wd": w.tensor(0.5), "none": None}
    logged(
        lambda writer: writer.add_hparams(
            hyper, {"acc": 0.75}, {"opt": ["sgd", "adam"]}, run_name="first", global_step=9
        )
    )
    reader = EventAccumulator(str(tmp_path / "run" / "first")).Reload()
    assert [(e.step, e.value) for e in reader.Scalars("acc")] == [(9, 0.75)]
    content = {
        tag: reader.SummaryMetadata(tag).plugin_data.content
        for tag in (metadata.EXPERIMENT_TAG, metadata.SESSION_START_INFO_TAG)
    }
    start = HParamsPluginData.FromString(content[metadata.SESSION_START_INFO_TAG])
    found = start.session_start_info.hparams
    assert found["lr"].number_value == 0.1 and found["bs"].number_value == 4
    assert found["opt"].string_value == "sgd" and found["wd"].number_value == 0.5
    assert "none" not in found
    experiment = HParamsPluginData.FromString(content[metadata.EXPERIMENT_TAG]).experiment
    domain = {i.name: [v.string_value for v in i.domain_discrete.values]
              for i in experiment.hparam_infos}  # fmt: skip
    assert domain["opt"] == ["sgd", "adam"]


def test_graph(logged):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    class Net(w.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = w.nn.Sequential(w.nn.Linear(3, 4), w.nn.ReLU(inplace=True))
            self.head = w.nn.Linear(4, 2)

        def forward(self, x, y):
            return self.head(self.body(x)) + y, x

    net = Net()
    reader = logged(lambda writer: writer.add_graph(net, (w.ones(5, 3), w.ones(2))))
    graph = reader.Graph()
    assert isinstance(graph, GraphDef) and net.training
    nodes = {node.name: node for node in graph.node}
    ops = {name: node.op for name, node in nodes.items() if not name.startswith("Net/body/0/w")}
    assert {"linear", "relu", "add"} <= set(ops.values())
    linear = next(n for n in nodes.values() if n.op == "linear" and "/body/0/" in n.name)
    assert list(linear.input) == ["input/input_0", "Net/body/0/weight", "Net/body/0/bias"]
    shape = linear.attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [5, 4]
    relu = next(n for n in nodes.values() if n.op == "relu")
    assert list(relu.input) == [linear.name] and relu.name.startswith("Net/body/1/")
    assert list(nodes["output/output_1"].input) == ["input/input_0"]
    for node in graph.node:
        assert all(name in nodes for name in node.input)


def test_embedding(logged, tmp_path):
    def log(writer):
        writer.add_embedding(
            w.arange(6.0).reshape(3, 2), ["a", "b", "c"], w.rand(3, 3, 4, 4), 5, tag="x/y"
        )
        writer.add_embedding(w.ones(2, 2), [["a", 1], ["b", 2]], metadata_header=["n", "m"])
        with pytest.raises(AssertionError, match="#labels"):
            writer.add_embedding(w.ones(2, 2), ["a"])

    logged(log)
    folder = tmp_path / "run" / "00005" / "x%2fy"
    assert (folder / "tensors.tsv").read_text() == "0.0\t1.0\n2.0\t3.0\n4.0\t5.0\n"
    assert (folder / "metadata.tsv").read_text() == "a\nb\nc\n"
    assert (folder / "sprite.png").stat().st_size > 0
    header = tmp_path / "run" / "00000" / "default" / "metadata.tsv"
    assert header.read_text() == "n\tm\na\t1\nb\t2\n"
    config = (tmp_path / "run" / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "00005/x%2fy/tensors.tsv"' in config and "default" in config


@pytest.mark.parametrize("value", [[1, 2], [1], (1.5,), None, {}])
def test_no_numbers_are_refused(value):
    with pytest.raises(NotImplementedError, match="but numpy array or torch tensor are expected"):
        summary.scalar("x", value)
    with pytest.raises(NotImplementedError, match="but numpy array or torch tensor are expected"):
        summary.histogram("x", value, "auto")


def test_closing_and_going_on(tmp_path):
    writer = SummaryWriter(tmp_path, purge_step=3, filename_suffix=".end")
    writer.add_scalar("x", 1.0, 1)
    writer.flush()
    writer.close()
    writer.close()
    writer.add_scalar("x", 2.0, 2)
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2 and all(f.name.endswith(".end") for f in files)
    assert writer.get_logdir() == tmp_path


def test_refusals(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(AssertionError, match="one element"):
            writer.add_scalar("x", w.ones(2))
        with pytest.raises(NotImplementedError, match="expected"):
            writer.add_scalar("x", object())
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("x", w.ones(0))
        with pytest.raises(AssertionError, match="name each dim"):
            writer.add_image("x", w.ones(2, 2))
        with pytest.raises(TypeError, match="dictionary"):
            writer.add_hparams([], {})
        with pytest.raises(ValueError, match=r"hparam_dict\['x'\] is list"):
            writer.add_hparams({"x": [1]}, {})
        with pytest.raises(ValueError, match="input_to_model"):
            writer.add_graph(w.nn.Linear(1, 1))
