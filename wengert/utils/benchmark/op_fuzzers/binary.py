"""torch.utils.benchmark.op_fuzzers.binary: re-exports."""

from ....observe.benchmark.fuzzer import BinaryOpFuzzer

__all__ = ["BinaryOpFuzzer"]
