"""Writes wengert/base/torch_names.txt: the public names of PyTorch's modules, by kind.

Needs PyTorch. One line for each module and kind: `torch.nn class Linear Conv2d ...`.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import types
import warnings
from pathlib import Path

import torch

MODULES = """
torch torch.Tensor torch.accelerator torch.amp torch.ao torch.ao.nn torch.ao.pruning
torch.ao.quantization torch.autograd torch.autograd.forward_ad torch.autograd.function
torch.autograd.functional torch.autograd.grad_mode torch.autograd.gradcheck torch.autograd.graph
torch.autograd.profiler torch.autograd.variable torch.backends torch.backends.cuda
torch.backends.cudnn torch.backends.mkl torch.backends.mkldnn torch.backends.mps
torch.backends.openmp torch.backends.opt_einsum torch.compiler torch.cpu torch.cuda torch.cuda.amp
torch.cuda.comm torch.cuda.memory torch.cuda.nccl torch.cuda.nvtx torch.cuda.random
torch.cuda.streams torch.distributed torch.distributed.algorithms torch.distributed.autograd
torch.distributed.checkpoint torch.distributed.checkpoint.state_dict torch.distributed.device_mesh
torch.distributed.elastic torch.distributed.fsdp torch.distributed.fsdp.wrap torch.distributed.nn
torch.distributed.optim torch.distributed.pipelining torch.distributed.rpc
torch.distributed.tensor torch.distributed.tensor.parallel torch.distributions
torch.distributions.constraints torch.distributions.kl torch.distributions.transforms
torch.distributions.utils torch.export torch.fft torch.func torch.functional torch.futures
torch.fx torch.fx.graph torch.fx.graph_module torch.fx.interpreter torch.fx.node torch.fx.proxy
torch.hub torch.jit torch.library torch.linalg torch.masked torch.monitor torch.mps torch.mtia
torch.multiprocessing torch.nested torch.nn torch.nn.attention torch.nn.attention.bias
torch.nn.attention.flex_attention torch.nn.functional torch.nn.init torch.nn.modules
torch.nn.parallel torch.nn.parameter torch.nn.qat torch.nn.quantized torch.nn.utils
torch.nn.utils.parametrizations torch.nn.utils.parametrize torch.nn.utils.prune torch.nn.utils.rnn
torch.nn.utils.stateless torch.onnx torch.optim torch.optim.lr_scheduler torch.optim.optimizer
torch.optim.swa_utils torch.overrides torch.package torch.profiler torch.quantization
torch.quasirandom torch.random torch.return_types torch.serialization torch.signal
torch.signal.windows torch.sparse torch.special torch.storage torch.testing torch.types
torch.utils torch.utils._pytree torch.utils._python_dispatch torch.utils.benchmark
torch.utils.checkpoint torch.utils.collect_env torch.utils.cpp_extension torch.utils.data
torch.utils.data.dataloader torch.utils.data.dataset torch.utils.data.distributed
torch.utils.data.sampler torch.utils.dlpack torch.utils.flop_counter torch.utils.hooks
torch.utils.mobile_optimizer torch.utils.model_zoo torch.utils.module_tracker
torch.utils.tensorboard torch.utils.throughput_benchmark torch.utils.weak torch.version torch.xpu
"""
TARGET = Path(__file__).resolve().parents[1] / "wengert" / "base" / "torch_names.txt"


def kind_of(value: object) -> str:
    """The word for what a name leads to."""
    if isinstance(value, type):
        return "class"
    if isinstance(value, types.ModuleType):
        return "module"
    return "function" if callable(value) else "value"


def names_of(owner: object) -> dict[str, list[str]]:
    """Kind -> public names; a module's imports from elsewhere in Python are left out."""
    found: dict[str, list[str]] = {}
    listed = set(getattr(owner, "__all__", ()))
    for name in sorted({*dir(owner), *listed}):
        if name.startswith("_"):
            continue
        try:
            value = getattr(owner, name)
        except Exception:
            continue
        if name in ("TYPE_CHECKING", "annotations") or type(value).__name__ == "_Feature":
            continue
        home = getattr(value, "__module__", None) or "torch"
        if isinstance(value, types.ModuleType):
            home = value.__name__
            if not home.startswith(getattr(owner, "__name__", "torch")):
                continue
        ours = name in listed or str(home).startswith("torch") or not callable(value)
        if ours and (not listed or name in listed or inspect.ismodule(value)):
            found.setdefault(kind_of(value), []).append(name)
    return found


def main() -> None:
    """Write the file."""
    lines = []
    warnings.simplefilter("ignore")
    for module in MODULES.split():
        owner: object = torch.Tensor
        if module != "torch.Tensor":
            with contextlib.redirect_stderr(io.StringIO()):
                try:
                    owner = importlib.import_module(module)
                except Exception:
                    continue
        for kind, names in sorted(names_of(owner).items()):
            lines.append(f"{module} {kind} {' '.join(names)}\n")
    TARGET.write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
