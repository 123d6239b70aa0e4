"""torch.distributed.elastic: the names that scripts import; the agent is wengertrun's."""
