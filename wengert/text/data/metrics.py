"""torchtext.data.metrics: BLEU."""

from ..tokens import bleu_score

__all__ = ["bleu_score"]
