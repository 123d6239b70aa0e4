"""What a newcomer looks for is in the file that its name makes one open first."""

import inspect
from pathlib import Path

import pytest

import wengert
from wengert.nn import functional as F

ROOT = Path(wengert.__file__).parent
WHERE = {
    "std": "ops/reduce/statistics.py",
    "cdist": "ops/nn/distance.py",
    "tril": "ops/shape/copies.py",
    "F.normalize": "ops/nn/distance.py",
    "F.kl_div": "ops/loss/likelihood.py",
    "F.mse_loss": "ops/loss/regression.py",
    "F.cross_entropy": "ops/loss/cross_entropy.py",
    "F.hardtanh": "ops/nn/activation_piecewise.py",
    "F.gelu": "ops/nn/activation.py",
    "F.linear": "ops/linalg/matmul.py",
    "F.pixel_shuffle": "ops/nn/pixel_shuffle.py",
    "F.unfold": "ops/shape/unfold.py",
    "F.conv2d": "ops/nn/conv.py",
    "F.max_pool2d": "ops/nn/pool.py",
    "F.pad": "ops/nn/padding.py",
    "F.embedding": "ops/nn/embedding.py",
    "F.dropout": "ops/nn/dropout.py",
    "F.layer_norm": "ops/nn/layer_norm.py",
    "F.interpolate": "ops/nn/interpolate.py",
    "F.grid_sample": "ops/nn/grid_sample.py",
    "F.scaled_dot_product_attention": "ops/nn/attention.py",
    "nonzero": "ops/index/nonzero.py",
    "gather": "ops/index/gather.py",
    "searchsorted": "ops/index/search.py",
    "tensor": "ops/creation/tensor.py",
    "zeros": "ops/creation/filled.py",
    "bincount": "ops/reduce/histogram.py",
    "histc": "ops/reduce/histogram.py",
    "sort": "ops/reduce/sort.py",
    "topk": "ops/reduce/sort.py",
    "median": "ops/reduce/sort.py",
    "unique": "ops/reduce/sort.py",
    "argmax": "ops/reduce/minmax.py",
    "sum": "ops/reduce/sum.py",
    "cumsum": "ops/reduce/scan.py",
    "quantile": "ops/reduce/quantile.py",
    "cat": "ops/shape/join.py",
    "stack": "ops/shape/join.py",
    "combinations": "ops/shape/combine.py",
    "exp": "ops/math/unary.py",
    "clamp": "ops/math/clamp.py",
    "einsum": "ops/linalg/einsum.py",
    "cross": "ops/linalg/cross.py",
    "svd": "ops/linalg/decompositions.py",
    "stft": "ops/signal/stft.py",
    "rand": "ops/random/rand.py",
    "multinomial": "ops/random/distributions.py",
}


@pytest.mark.parametrize("name", WHERE)
def test_it_is_where_one_looks(name):
    f = getattr(F, name[2:]) if name.startswith("F.") else getattr(wengert, name)
    body = inspect.unwrap(getattr(f.declared.body, "fwd", f.declared.body))
    assert Path(body.__code__.co_filename).relative_to(ROOT).as_posix() == WHERE[name]


# what modules were called by their author, and nobody else would look for
OLD = """alignment attending edges drawn rows loops floats brainfloat wrapped complaints short
differentiate blame moving cohort pieces scalars difference thresholds combining matrix_numbers
sampled extremes conveniences"""


def test_no_module_has_a_name_that_only_its_author_would_guess():
    found = [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*.py") if p.stem in OLD.split()]
    words = [p.name for p in ROOT.rglob("*.py") if p.stem.startswith(("telling_", "more_"))]
    words += [p.name for p in ROOT.rglob("*.py") if p.stem.endswith(("_more", "_extra"))]
    assert (found, words) == ([], [])


# a word that a newcomer searches the index for, and the module that its line leads to
SEARCHED = """
interpolate: ops/nn/interpolate.py
huber: ops/loss/regression.py
CTC: ops/loss/ctc.py
Kullback-Leibler: distributions/kl.py
OneCycleLR: optim/lr_scheduler/cyclic.py
CosineAnnealingLR: optim/lr_scheduler/cosine.py
StepLR: optim/lr_scheduler/simple.py
Worker processes of the DataLoader: data/workers.py
DistributedSampler: data/samplers.py
torch.save: io/writing.py
torch.load: io/reading.py
pickle machine: io/restricted.py
Philox: arrays/philox_stream.py
Mersenne twister: arrays/random_stream.py
no_grad: base/modes.py
torch.utils.checkpoint: transforms/checkpoint.py
einsum: ops/linalg/einsum.py
one-hot: ops/nn/embedding.py
nms: vision/ops/boxes.py
roi_align: vision/ops/roi_align.py
autocast computes in which precision: amp/policies.py
GradScaler: amp/grad_scaler.py
LSTM: nn/recurrent.py
weight norm: nn/utils/parametrizations.py
Gradients kept within bounds: nn/utils/clip_grad.py
Sequences of different lengths: nn/utils/rnn.py
SWA: optim/swa_utils.py
stop early: train/callbacks.py
tokenizers: text/tokens.py
Spectrograms: audio/functional/spectra.py
__torch_function__: api/overrides.py
printed: api/printing.py
promotion: base/dtypes.py
manual_seed: api/generator.py
quantile: ops/reduce/quantile.py
torch.Size: base/size.py
""".strip().splitlines()


@pytest.mark.parametrize("line", SEARCHED)
def test_the_index_leads_there(line):
    word, _, module = line.rpartition(": ")
    page = Path(__file__).parents[2] / "docs" / "modules.md"  # beside the tests, not the package
    rows = page.read_text(encoding="utf-8").splitlines()
    (row,) = [row for row in rows if row.startswith(f"| `{module}`")]
    assert word in row
