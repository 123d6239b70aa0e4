"""The kinds of ops: what an interpreter may conclude about an op without asking it."""

elementwise = (  # out[i] depends on x[i] alone: the Jacobian is diagonal, vjp rule = jvp rule
    "elementwise"
)
linear = "linear"  # linear in all its array inputs together: the jvp is the op itself
bilinear = "bilinear"  # linear in each of two inputs: the product rule
reduction = "reduction"  # non-linear, takes dim and keepdim
movement = "movement"  # linear, moves elements (views, joins, gathers)
composite = "composite"  # written in the vocabulary: run the body
opaque = "opaque"  # nothing known: rules only
