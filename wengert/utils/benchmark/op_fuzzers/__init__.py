"""torch.utils.benchmark.op_fuzzers: random inputs for one kind of operator."""
