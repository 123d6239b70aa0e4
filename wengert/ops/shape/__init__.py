"""Ops that move elements: views, copies, joins, splits, sliding windows."""
