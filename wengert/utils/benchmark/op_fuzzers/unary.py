"""torch.utils.benchmark.op_fuzzers.unary: re-exports."""

from ....observe.benchmark.fuzzer import UnaryOpFuzzer

__all__ = ["UnaryOpFuzzer"]
