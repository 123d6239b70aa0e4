"""Ops along dimensions: sums, extremes, statistics, quantiles, scans, masked reductions."""
