"""torch.distributed.pipelining: stages of a model on ranks, and micro-batches that run through."""

from .pipe import Pipe, SplitPoint, pipeline
from .schedules import Schedule1F1B, ScheduleGPipe
from .stage import PipelineStage

__all__ = ["Pipe", "PipelineStage", "Schedule1F1B", "ScheduleGPipe", "SplitPoint", "pipeline"]
