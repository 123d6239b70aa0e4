"""torch.utils.deterministic: a switch, without effect here."""

fill_uninitialized_memory = True
