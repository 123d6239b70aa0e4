"""FileWriter: the event files of one folder."""

from __future__ import annotations

import os
import time
from typing import Any

from ...engine.error_context import clear_errors


class FileWriter:
    """Writes the events of one folder, on a thread of the `tensorboard` package.

    Args:
        log_dir: the folder, which is made.
        max_queue: events that may wait. flush_secs: how often they are written at least.
        filename_suffix: of the event file.

    Raises TypeError where log_dir is of the wrong type; FileExistsError for a log_dir that is a
    file.

    >>> writer = torch.utils.tensorboard.FileWriter("runs")
    >>> from wengert.utils.tensorboard import summary
    >>> writer.add_summary(summary.scalar("loss", 0.5), 1)
    >>> writer.flush(), writer.close(), writer.get_logdir()
    (None, None, 'runs')
    >>> writer.reopen(), writer.close()
    Traceback (most recent call last):
        ...
    AttributeError: 'EventFileWriter' object has no attribute 'reopen'
    >>> from wengert.utils.tensorboard import FileWriter
    >>> log = FileWriter("runs/one")
    >>> log.close()
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Write an event of a step; walltime is now by default.

        >>> from wengert.export.tensorboard.writer import FileWriter
        >>> hasattr(FileWriter("runs"), "add_event")
        True
        """
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(
        self, summary: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Write what one step has to say.

        global_step: the number of the step. walltime: seconds since 1970; None: now. summary: from
        utils.tensorboard.summary.

        Raises TypeError where summary is of the wrong type; ValueError where global_step is of the
        wrong type.
        """
        from tensorboard.compat.proto.event_pb2 import Event

        self.add_event(Event(summary=summary), global_step, walltime)

    @clear_errors
    def add_graph(self, graph_profile: tuple[Any, Any], walltime: float | None = None) -> None:
        """Write a graph, and the times of its nodes.

        walltime: seconds since 1970; None: now. graph_profile: a graph and its times.

        Raises TypeError where graph_profile is of the wrong type; ValueError where graph_profile is
        empty, too short or too long.

        >>> from wengert.export.tensorboard.graph import module_graph
        >>> log = FileWriter("runs/one")
        >>> log.add_graph(module_graph(nn.Linear(2, 1), torch.ones(1, 2)))
        >>> log.close()
        """
        from tensorboard.compat.proto import event_pb2

        graph, times = (part.SerializeToString() for part in graph_profile)
        self.add_event(event_pb2.Event(graph_def=graph), None, walltime)
        run = event_pb2.TaggedRunMetadata(tag="step1", run_metadata=times)
        self.add_event(event_pb2.Event(tagged_run_metadata=run), None, walltime)

    def add_onnx_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Write a graph alone.

        walltime: seconds since 1970; None: now.

        >>> from wengert.export.tensorboard.graph import onnx_graph
        >>> program = torch.onnx.export(nn.Linear(2, 1), (torch.ones(1, 2),), "net.onnx")
        >>> log = FileWriter("runs/one")
        >>> log.add_onnx_graph(onnx_graph("net.onnx"))
        >>> log.close()
        """
        from tensorboard.compat.proto.event_pb2 import Event

        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)

    def flush(self) -> None:
        """Write what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write what waits and end the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Begin another file after `close`."""
        self.event_writer.reopen()
