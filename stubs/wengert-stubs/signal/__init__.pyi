from . import windows as windows
