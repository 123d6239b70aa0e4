"""Differentiation as users ask for it, over the engine's ops and graph: backward() and grad(),
user-defined Functions, forward mode, vmap, tracing, hooks, anomaly detection.

To be read: `grad_api` (backward and grad), `function`, `graph`, `saved_hooks`, `anomaly`; and the
interpreters, which run ops on arrays that hold arrays: `dual`, `batched`, `traced`.
"""
