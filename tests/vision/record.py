"""Writes tests/golden/vision.json from torchvision: `python tests/vision/record.py`."""

import json
import sys
from pathlib import Path

import torch
import torchvision

sys.path.insert(0, str(Path(__file__).parent.parent))

from torchvision import tv_tensors
from torchvision.transforms import v2
from vision import detection_cases, model_cases, operator_cases, sample_cases, transform_cases

torch.set_num_threads(1)
GOLDEN = Path(__file__).parent.parent / "golden" / "vision.json"


def transforms():
    module = torchvision.transforms
    return {name: transform_cases.run(torch, module, name) for name in transform_cases.CASES}


models = torchvision.models
found = {
    "transforms": transforms(),
    "samples": {name: sample_cases.run(torch, v2, tv_tensors, name) for name in sample_cases.CASES},
    "keys": {name: model_cases.keys(torch, models, name) for name in model_cases.listed(models)},
    "drawn": {name: model_cases.drawn(torch, models, name) for name in model_cases.DRAWN},
    "outputs": {name: model_cases.outputs(torch, models, name) for name in model_cases.SMALL},
    "detection": {k: detection_cases.run(torch, models, k) for k in detection_cases.KINDS},
    "operators": operator_cases.everything(torch, torchvision.ops),
}
GOLDEN.write_text(json.dumps(found) + "\n")
