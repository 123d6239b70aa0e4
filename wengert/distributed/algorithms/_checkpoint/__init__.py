"""Activation checkpointing of modules inside of a model."""
