"""Writes tests/golden/nn.json from PyTorch: `python tests/nn/record.py`."""

import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from nn import cases
from nn.test_layers import GOLDEN, digest

torch.set_num_threads(1)
found = {name: digest(cases.everything(torch, c)) for name, c in zip(cases.NAMES, cases.CASES)}
GOLDEN.write_text(json.dumps(found, indent=0) + "\n")
