"""SummaryWriter: logs a run into event files that TensorBoard shows.

What an event holds is made in `summary.py`; files are written in `file_writer.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base.advice import advise
from . import summary as messages
from .embedding import embedding_info, write_matrix, write_metadata, write_sprite
from .file_writer import FileWriter
from .graph import module_graph, onnx_graph
from .pictures import as_array, figure_to_image

__all__ = ["FileWriter", "SummaryWriter"]


def default_bins() -> list[float]:
    """Limits that grow by a tenth each, to both sides of zero."""
    limits = []
    limit = 1e-12
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    return [-v for v in reversed(limits)] + [0.0] + limits


class SummaryWriter:
    """Logs scalars, histograms, images, texts and more for TensorBoard.

    Args:
        log_dir: the folder; `runs/DATE_HOST` by default.
        comment: ends the name of the default folder.
        purge_step: what was logged from this step on is hidden, after a crash.
        max_queue, flush_secs, filename_suffix: as `FileWriter`.

    Example::

        with SummaryWriter("runs/first") as writer:
            for step in range(100):
                writer.add_scalar("loss", loss, step)

    Raises TypeError where log_dir is of the wrong type; FileExistsError for a file.

    >>> writer = torch.utils.tensorboard.SummaryWriter("runs")
    >>> writer.add_scalar("loss", 0.5, 1), writer.add_scalars("both", {"a": 1, "b": 2}, 1)
    (None, None)
    >>> writer.add_tensor("weights", torch.ones(2)), writer.add_histogram("w", torch.ones(9))
    (None, None)
    >>> writer.add_histogram_raw("h", 0.0, 1.0, 2, 1.0, 1.0, [0.5, 1.0], [1, 1])
    >>> writer.add_image("square", torch.zeros(3, 4, 4))
    >>> writer.add_images("squares", torch.zeros(2, 3, 4, 4))
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> writer.add_image_with_boxes("box", torch.zeros(3, 4, 4), boxes)
    >>> writer.add_audio("sound", torch.zeros(1, 100)), writer.add_text("note", "a text")
    (None, None)
    >>> writer.add_mesh("point", torch.zeros(1, 1, 3))
    >>> writer.add_pr_curve("curve", torch.tensor([0, 1]), torch.tensor([0.2, 0.9]))
    >>> writer.add_custom_scalars({"all": {"loss": ["Multiline", ["loss"]]}})
    >>> writer.add_custom_scalars_multilinechart(["loss"])
    >>> writer.add_custom_scalars_marginchart(["loss", "low", "high"])
    >>> writer.add_hparams({"lr": 0.1}, {"accuracy": 0.9})
    >>> writer.add_graph(nn.Linear(2, 1), torch.ones(1, 2))
    >>> writer.add_embedding(torch.eye(3), metadata=["a", "b", "c"])
    >>> writer.flush(), writer.close(), writer.get_logdir()
    (None, None, 'runs')
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            import socket

            now = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = log_dir
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._get_file_writer()
        self.default_bins = default_bins()

    def _new_writer(self, log_dir: str | os.PathLike[str]) -> FileWriter:
        return FileWriter(log_dir, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        """The writer of the folder; another file after `close`."""
        if self.file_writer is None:
            self.file_writer = self._new_writer(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                from tensorboard.compat.proto.event_pb2 import Event, SessionLog

                step, log = self.purge_step, SessionLog(status=SessionLog.START)
                self.file_writer.add_event(Event(step=step, file_version="brain.Event:2"))
                self.file_writer.add_event(Event(step=step, session_log=log))
                self.purge_step = None
        return self.file_writer

    def _add(self, summary: Any, global_step: Any = None, walltime: float | None = None) -> None:
        self._get_file_writer().add_summary(summary, global_step, walltime)

    def get_logdir(self) -> Any:
        """The folder."""
        return self.log_dir

    # --- numbers -------------------------------------------------------------------------------

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Log a number under a name.

        tag: the name of the series. scalar_value: the number. global_step: the number of the step.
        walltime: seconds since 1970; None: now. new_style: write it as a tensor. double_precision:
        keep 64 bits. Raises TypeError where tag is of the wrong type; ValueError where scalar_value
        or global_step is of the wrong type; AssertionError where it is a tensor of several.
        """
        made = messages.scalar(
            tag, scalar_value, new_style=new_style, double_precision=double_precision
        )
        self._add(made, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log several numbers for one chart, each as a run of its own in a folder below.

        main_tag: the name before those of the series. tag_scalar_dict: series -> number.
        global_step: the number of the step. walltime: seconds since 1970; None: now. Raises
        ValueError where global_step is of the wrong type; AttributeError where main_tag or
        tag_scalar_dict is of the wrong type.
        """
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        assert self.all_writers is not None
        for tag, value in tag_scalar_dict.items():
            name = f"{folder}/{main_tag.replace('/', '_')}_{tag}"
            if name not in self.all_writers:
                self.all_writers[name] = self._new_writer(name)
            made = messages.scalar(main_tag, value)
            self.all_writers[name].add_summary(made, global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Log all numbers of a tensor.

        tag: the name of the series. global_step: the number of the step. walltime: seconds since
        1970; None: now. Raises TypeError where tag is of the wrong type.
        """
        self._add(messages.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Log how numbers are spread; bins as in `numpy.histogram`.

        tag: the name of the series. values: the numbers. global_step: the number of the step.
        walltime: seconds since 1970; None: now. max_bins: at most so many bins. Raises TypeError
        where tag is of the wrong type; NotImplementedError where values is of the wrong type.
        """
        if isinstance(bins, str) and bins == "tensorflow":
            bins = self.default_bins
        self._add(messages.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Sequence[float],
        bucket_counts: Sequence[float],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log a histogram that has been counted already.

        tag: the name of the series. bucket_limits: upper ends of the bins. bucket_counts: numbers
        in the bins. global_step: the number of the step. walltime: seconds since 1970; None: now.
        min: the least number. max: the largest number. num: how many numbers. sum: their sum.
        sum_squares: the sum of their squares. Raises TypeError where tag, min, max or num is of the
        wrong type; ValueError where bucket_limits or bucket_counts has another length.
        """
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError(
                "len(bucket_limits) != len(bucket_counts), see the document: "
                f"{len(bucket_limits)} and {len(bucket_counts)}"
            )
        made = messages.histogram_raw(
            tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts
        )
        self._add(made, global_step, walltime)

    # --- pictures, sounds, texts ---------------------------------------------------------------

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Log an image: numbers from 0 to 1, or bytes; dataformats names its dims.

        tag: the name of the series. img_tensor: the image. global_step: the number of the step.
        walltime: seconds since 1970; None: now. Raises TypeError where tag is of the wrong type;
        NotImplementedError where img_tensor is of the wrong type; AssertionError where img_tensor
        has a shape that does not fit.
        """
        self._add(messages.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Log several images as one.

        tag: the name of the series. img_tensor: the image. global_step: the number of the step.
        walltime: seconds since 1970; None: now. dataformats: the letters of its dims: N, C, H, W.
        Raises TypeError where tag is of the wrong type; NotImplementedError where img_tensor is of
        the wrong type; AssertionError where img_tensor has a shape that does not fit.
        """
        self._add(messages.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """Log an image with frames (n, 4) and what is written at each.

        tag: the name of the series. img_tensor: the image. box_tensor: boxes (N, 4) as x1, y1, x2,
        y2. global_step: the number of the step. walltime: seconds since 1970; None: now. rescale: a
        factor of the size. dataformats: the letters of its dims: N, C, H, W. labels: texts of the
        boxes, or of the points. Raises TypeError where tag is of the wrong type or box_tensor has a
        shape that does not fit; ValueError where box_tensor has a shape that does not fit;
        NotImplementedError where img_tensor or box_tensor is of the wrong type; AssertionError
        where img_tensor has a shape that does not fit.
        """
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != box_tensor.shape[0]:
            labels = None
        made = messages.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(made, global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Log a figure of matplotlib, or a list of them; they are closed unless close=False.

        tag: the name of the series. global_step: the number of the step. walltime: seconds since
        1970; None: now. TypeError where tag is of the wrong type, AttributeError where figure is.

        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from matplotlib import pyplot
        >>> figure = pyplot.figure()
        >>> lines = figure.gca().plot([0, 1])
        >>> with torch.utils.tensorboard.SummaryWriter("runs") as writer:
        ...     writer.add_figure("line", figure)
        """
        dims = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, figure_to_image(figure, close), global_step, walltime, dims)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """Log videos (n, time, channels, height, width).

        tag: the name of the series. vid_tensor: (N, T, C, H, W). global_step: the number of the
        step. fps: frames per second. walltime: seconds since 1970; None: now. Raises TypeError
        where tag is of the wrong type; NotImplementedError where vid_tensor is of the wrong type;
        AssertionError where vid_tensor has a shape that does not fit.

        >>> with torch.utils.tensorboard.SummaryWriter("runs") as writer:
        ...     writer.add_video("black", torch.zeros(1, 2, 3, 4, 4))
        """
        self._add(messages.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Log a sound, numbers from -1 to 1.

        tag: the name of the series. snd_tensor: samples (L,) between -1 and 1. global_step: the
        number of the step. sample_rate: samples per second. walltime: seconds since 1970; None:
        now. Raises TypeError where tag is of the wrong type; NotImplementedError where snd_tensor
        is of the wrong type; AssertionError where snd_tensor has a shape that does not fit.
        """
        self._add(messages.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Log a text.

        tag: the name of the series. text_string: the text. global_step: the number of the step.
        walltime: seconds since 1970; None: now. Raises TypeError where tag is of the wrong type.
        """
        self._add(messages.text(tag, text_string), global_step, walltime)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: dict[str, Any] | None = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log points (n, points, 3), their colors and the triangles between them.

        tag: the name of the series. vertices: points (N, P, 3). faces: triangles (N, F, 3) of
        numbers of points. config_dict: settings of the viewer. global_step: the number of the step.
        walltime: seconds since 1970; None: now. Raises TypeError where tag is of the wrong type or
        vertices holds complex numbers; ValueError where vertices has a shape that does not fit;
        NotImplementedError where vertices is of the wrong type.
        """
        self._add(messages.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    # --- curves and layouts --------------------------------------------------------------------

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = messages.MOST_THRESHOLDS,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log the precision-recall curve of labels 0 or 1 and predicted probabilities.

        tag: the name of the series. predictions: probabilities. global_step: the number of the
        step. num_thresholds: how many points a curve has. weights: how much each example counts.
        walltime: seconds since 1970; None: now. Raises TypeError where tag is of the wrong type or
        predictions holds complex numbers; ValueError where labels or predictions has a shape that
        does not fit; NotImplementedError where labels or predictions is of the wrong type.
        """
        made = messages.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._add(made, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = messages.MOST_THRESHOLDS,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log a precision-recall curve that has been counted already.

        tag: the name of the series. global_step: the number of the step. num_thresholds: how many
        points a curve has. weights: how much each example counts. walltime: seconds since 1970;
        None: now. true_positive_counts: at each threshold. false_positive_counts: at each
        threshold. true_negative_counts: at each threshold. false_negative_counts: at each
        threshold. Raises TypeError where num_thresholds is of the wrong type; ValueError where
        num_thresholds is negative; RuntimeError where it is a tensor of several numbers.

        >>> counts = torch.tensor([[2.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> rates = torch.tensor([[0.7, 1.0], [1.0, 0.5]])
        >>> with torch.utils.tensorboard.SummaryWriter("runs") as writer:
        ...     writer.add_pr_curve_raw("curve", *counts, *rates, num_thresholds=2)
        """
        made = messages.pr_curve_raw(
            tag,
            true_positive_counts,
            false_positive_counts,
            true_negative_counts,
            false_negative_counts,
            precision,
            recall,
            num_thresholds,
            weights,
        )
        self._add(made, global_step, walltime)

    def add_custom_scalars(self, layout: dict[str, dict[str, Sequence[Any]]]) -> None:
        """Say which scalars are drawn together.

        layout: category -> chart -> series.
        """
        self._add(messages.custom_scalars(layout))

    def add_custom_scalars_multilinechart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Say that these scalars are drawn together.

        tags: names of series. category: the group on the page. title: of the chart. Raises
        TypeError where tags is of the wrong type.
        """
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Say that the first of three scalars is drawn between the others.

        tags: names of series. category: the group on the page. title: of the chart. Raises
        TypeError where tags is of the wrong type; AssertionError where tags has another length.
        """
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Log the hyperparameters of a run and what came of it, in a folder below.

        hparam_dict: names and values of settings. metric_dict: names and values of results.
        hparam_domain_discrete: values that settings may have. run_name: the folder of the run;
        None: the time. global_step: the number of the step. Raises TypeError where hparam_dict or
        metric_dict is of the wrong type.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        made = messages.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        name = run_name or str(time.time())
        folder = os.path.join(self._get_file_writer().get_logdir(), name)
        with SummaryWriter(log_dir=folder) as writer:
            for one in made:
                writer._add(one, global_step)
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value, global_step)

    # --- graphs and embeddings -----------------------------------------------------------------

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """Log the graph of a module, as it computes input_to_model (a tensor or a tuple).

        model: a Module. verbose: accepted, without effect. use_strict_trace: accepted, without
        effect. Raises TypeError where model or input_to_model is of the wrong type, RuntimeError
        where the shape of input_to_model does not fit.
        """
        self._get_file_writer().add_graph(module_graph(model, input_to_model))

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Log the graph of an ONNX file.

        prototxt: the path of the file. Raises FileNotFoundError where prototxt is unknown.

        >>> program = torch.onnx.export(nn.Linear(2, 1), (torch.ones(1, 2),), "net.onnx")
        >>> writer = SummaryWriter("runs/one")
        >>> writer.add_onnx_graph("net.onnx")
        >>> writer.close()
        """
        self._get_file_writer().add_onnx_graph(onnx_graph(prototxt))

    def add_embedding(
        self,
        mat: Any,
        metadata: Sequence[Any] | None = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Sequence[str] | None = None,
    ) -> None:
        """Log vectors (n, size) with labels (n) and pictures (n, channels, height, width).

        global_step: the number of the step. tag: the name of the series. mat: a row for each point.
        label_img: a small image for each point. metadata_header: the titles of the columns of
        metadata. Raises NotImplementedError where mat is no tensor; AssertionError where mat has a
        shape that does not fit or metadata is empty, too short or too long.
        """
        from google.protobuf import text_format
        from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

        matrix = as_array(mat)
        if matrix.ndim != 2:
            raise AssertionError(
                "mat should be 2D, where mat.size(0) is the number of data points, "
                f"got shape {matrix.shape}"
            )
        for name, given in (("labels", metadata), ("images", label_img)):
            if given is not None and len(given) != len(matrix):
                raise AssertionError(
                    f"#{name} should equal with #data points: {len(given)} and {len(matrix)}"
                )
        step = 0 if global_step is None else global_step
        encoded = "".join(f"%{ord(c):02x}" if c in "%/\\" else c for c in tag)
        subdir = f"{str(step).zfill(5)}/{encoded}"
        top = Path(self._get_file_writer().get_logdir())
        folder = top / subdir
        if folder.is_dir():
            advise(
                f"{folder} exists and is written again: give each add_embedding a global_step",
            )
        folder.mkdir(parents=True, exist_ok=True)
        if metadata is not None:
            write_metadata(metadata, folder, metadata_header)
        if label_img is not None:
            write_sprite(label_img, folder)
        write_matrix(matrix, folder)
        if not hasattr(self, "_projector_config"):
            self._projector_config = ProjectorConfig()
        info = embedding_info(metadata, label_img, subdir, step, tag)
        self._projector_config.embeddings.extend([info])
        text = text_format.MessageToString(self._projector_config)
        (top / "projector_config.pbtxt").write_text(text, encoding="utf-8")

    # --- the end -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write what waits and end the files; what is logged later begins others."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
