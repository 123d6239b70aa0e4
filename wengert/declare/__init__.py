"""From a declaration, `@public("cat(Tensor[] tensors, int dim=0)")`, to the function users call.

To be read in this order: `declaration` (the language), `registry` (the tables of functions and
methods), `signature` (the callable made of a declaration), `lines` (the op's entry written into
it), `binding` (calls that are not plain), `documentation` (what help() and editors show).
"""

from ..engine.op import Op
from .registry import declare

Op.make_public = staticmethod(declare)
