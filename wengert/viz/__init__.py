"""The autograd graph as a picture: `viz.graph(loss)`, and `viz.record()` for modules and failures.

Everything is drawn here: no graphviz, no network, one file. `graph.py` is what users call,
`reading.py` reads the engine's nodes, `recording.py` notes modules, `stepping.py` the backward
pass, `grouping.py` makes boxes, `layout.py` places them, `drawing.py` and `page.js` draw.
"""

from __future__ import annotations

from .graph import Graph, graph
from .pictures import Picture, heatmap, image
from .recording import record

__all__ = ["Graph", "Picture", "graph", "heatmap", "image", "record"]
