"""torch.distributed.pipeline: what cut batches over devices until 2.3 (see `sync.py`). Today's
pipelines, over processes, are in `pipelining/`.
"""

__all__: list[str] = []
