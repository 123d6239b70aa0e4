"""Settings of PyTorch's compilers that scripts set: kept, answered, without effect."""

from __future__ import annotations

from ..base.settings import Settings

force_disable_caches = False
stance = ["default"]  # how compiled functions are treated (see entry.set_stance)
dynamo = Settings(
    "torch._dynamo.config", "log_level report_guard_failures dynamic_shapes",
    suppress_errors=False, verbose=False, cache_size_limit=8, recompile_limit=8,
    accumulated_cache_size_limit=256, accumulated_recompile_limit=256,
    capture_scalar_outputs=False, capture_dynamic_output_shape_ops=False,
    assume_static_by_default=True, automatic_dynamic_shapes=True, specialize_int=False,
    optimize_ddp=True, compiled_autograd=False, inline_inbuilt_nn_modules=True,
    error_on_recompile=False, guard_nn_modules=True, disable=False, allow_rnn=False,
)  # fmt: skip
_parts = {
    name: Settings(f"torch._inductor.config.{name}", known)
    for name, known in {
        "cpp": "threads simdlen enable_kernel_profile cxx wrapper_calls_cpp_cxx weight_prepack",
        "triton": "cudagraphs unique_kernel_names cudagraph_trees autotune_cublasLt",
        "cuda": "cutlass_dir version compile_opt_level",
        "trace": "enabled graph_diagram debug_dir",
        "aot_inductor": "output_path metadata package",
    }.items()
}
inductor = Settings(
    "torch._inductor.config",
    "post_grad_custom_pre_pass post_grad_custom_post_pass pre_grad_custom_pass "
    "joint_custom_pre_pass joint_custom_post_pass max_autotune_gemm_backends",
    coordinate_descent_tuning=False, coordinate_descent_check_all_directions=False,
    epilogue_fusion=True, prologue_fusion=True, force_fuse_int_mm_with_mul=False,
    pattern_matcher=True, max_autotune=False, max_autotune_gemm=False, freezing=False,
    fx_graph_cache=True, fx_graph_remote_cache=False, force_disable_caches=False, debug=False,
    compile_threads=1, shape_padding=True, permute_fusion=False, conv_1x1_as_mm=False,
    use_mixed_mm=True, cpp_wrapper=False, split_reductions=True, benchmark_kernel=False,
    layout_optimization=True, allow_buffer_reuse=True, size_asserts=True, **_parts,
)  # fmt: skip
functorch = Settings(
    "torch._functorch.config", donated_buffer=True, enable_autograd_cache=True,
    activation_memory_budget=1.0, functionalize_rng_ops=False, debug_partitioner=False,
)  # fmt: skip
