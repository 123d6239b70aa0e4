"""Every layer against PyTorch: printed form, state, outputs, buffers and gradients."""

import json
from pathlib import Path

import numpy as np
import pytest
from nn import cases

import wengert

GOLDEN = Path(__file__).parent.parent / "golden" / "nn.json"


def digest(found):
    """The results of a case in few numbers, for the recorded references."""
    out = {"repr": found["repr"], "state": [[k, list(s)] for k, s in found["state"].items()]}
    for what in ("outputs", "buffers", "grads", "eval"):
        out[what] = [
            None if a is None else [list(a.shape), float(a.sum()), float(np.abs(a).sum())]
            for a in found[what]
        ]
    return out


@pytest.mark.parametrize("c", cases.CASES, ids=cases.NAMES)
def test_as_pytorch(torch, c):
    torch.set_num_threads(1)
    want, got = cases.everything(torch, c), cases.everything(wengert, c)
    assert got["repr"] == want["repr"]
    assert list(got["state"].items()) == list(want["state"].items())
    for what in ("outputs", "buffers", "grads", "eval"):
        assert len(got[what]) == len(want[what]), what
        for a, b in zip(got[what], want[what]):
            if a is None or b is None:  # a gradient that is zero throughout may be absent
                assert not np.any(a if b is None else b)
                continue
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("c", cases.CASES, ids=cases.NAMES)
def test_as_recorded(c):
    recorded = json.loads(GOLDEN.read_text())
    want = recorded[cases.NAMES[cases.CASES.index(c)]]
    got = digest(cases.everything(wengert, c))
    assert got["repr"] == want["repr"]
    assert got["state"] == want["state"]
    for what in ("outputs", "buffers", "grads", "eval"):
        for a, b in zip(got[what], want[what], strict=True):
            if a is None or b is None:
                assert (a or b or [0, 0, 0])[2] == 0
                continue
            assert a[0] == b[0]
            np.testing.assert_allclose(a[1:], b[1:], rtol=1e-5, atol=1e-5, err_msg=what)


def test_every_layer_has_a_case():
    made = {c[0] for c in cases.CASES}
    bases = {"Module", "Container", "RNNBase", "RNNCellBase", "DataParallel", "NLLLoss2d"}
    bases |= {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
    bases |= {"TransformerEncoder", "TransformerDecoder", "NonDynamicallyQuantizableLinear"}
    bases |= {"_OptimizedModule"}  # what torch.compile makes of a module
    layers = {
        k for k, v in vars(wengert.nn).items()
        if isinstance(v, type) and issubclass(v, wengert.nn.Module)
    }  # fmt: skip
    assert layers - bases == made


def test_private_steps_that_subclasses_of_others_call_and_override():
    class Scaled(wengert.nn.ConvTranspose2d):
        def forward(self, input, output_size=None):
            extra = self._output_padding(
                input, output_size, self.stride, self.padding, self.kernel_size, 2, self.dilation
            )
            return wengert.nn.functional.conv_transpose2d(
                input, 2 * self.weight, self.bias, self.stride, self.padding, extra
            )

    layer, x = Scaled(1, 1, 3, stride=2, bias=False), wengert.ones(1, 1, 3, 3)
    twice = wengert.nn.ConvTranspose2d.forward(layer, x, [8, 8]) * 2
    assert wengert.allclose(layer(x, [8, 8]), twice)

    class Plateau(wengert.optim.lr_scheduler.ReduceLROnPlateau):
        def _reduce_lr(self, epoch):
            lowered.append(epoch)
            super()._reduce_lr(epoch)

    lowered, optimizer = [], wengert.optim.SGD(layer.parameters(), lr=1.0)
    scheduler = Plateau(optimizer, patience=1)
    for metric in (1.0, 2.0, 3.0, 4.0):
        scheduler.step(metric)
    assert lowered == [3] and scheduler.get_last_lr() == [0.1]
    embedding = wengert.nn.Embedding(3, 2, padding_idx=1)
    wengert.nn.init.ones_(embedding.weight)
    embedding._fill_padding_idx_with_zero()
    assert embedding.weight.sum(1).tolist() == [2.0, 0.0, 2.0]
