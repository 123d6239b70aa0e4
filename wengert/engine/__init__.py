"""The engine: what an op is, how a call runs and is recorded, how gradients flow back.

To be read in this order. The call: `plan`, `op`, `entry`, `dispatch`, `recording`. The graph:
`node`, `tensor`, `backward_step`, `backward`, `views`. Interpreters, which run ops on arrays that
hold arrays: `interp`, `dual`, `batched`, `traced`. Around them: `op_modes`, saved-tensor hooks,
anomaly mode, user-defined Functions. No file imports one that imports it.
"""

from . import entry, recording
from .op import Op

Op.make_entry = staticmethod(entry.build_entry)
Op.make_parts = staticmethod(entry.build_parts)
Op.make_node = staticmethod(recording.node_class)
