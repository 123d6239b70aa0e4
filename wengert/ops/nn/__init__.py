"""Ops of layers: activations, convolution, pooling, norms, attention, recurrent layers."""
