"""torch.distributed.algorithms.model_averaging: averages of parameters, every few steps."""

from . import averagers, hierarchical_model_averager
from . import parameters as utils

__all__ = ["averagers", "hierarchical_model_averager", "utils"]
