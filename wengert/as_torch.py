"""`import wengert.as_torch`, as a first line: from here on `import torch` gives wengert.

For notebooks, Spyder, VS Code and wherever `wengert run` is not what starts Python; and as a
plugin of pytest: `pytest -p wengert.as_torch`. torch's sub-modules and torchvision are aliases too,
in processes that multiprocessing starts as well. An installed PyTorch is not touched.
"""

from .cli.alias import install as _install

_install()
