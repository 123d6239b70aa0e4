"""torch.nn.utils: names, no logic."""

from . import rnn
