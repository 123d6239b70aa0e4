"""The engine: what an op is, how a call runs and is recorded, how gradients flow back.

To be read in this order. What an op is: `kinds`, `plan`, `op`. The graph: `node`, `tensor`. The
call: `entry` (the straight line), `dispatch` (the general way), `recording`. The way back:
`backward_step`, `backward`, `sharing`. Memory that is shared and changed: `views`, `out_argument`.
Arrays that hold arrays: `interp`. The rest serve the call: `implementations`, `op_modes`,
`promotion`, `error_context`, `native`. No file imports one that imports it.
"""

from . import entry, recording
from .op import Op

Op.make_entry = staticmethod(entry.build_entry)
Op.make_parts = staticmethod(entry.build_parts)
Op.make_node = staticmethod(recording.node_class)
