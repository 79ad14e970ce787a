"""What a model's answers are worth: its loss on text it was not tuned on, and whether it finds what it was told."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.quality.intervals import Interval, paired, wilson
    from ropescope.quality.loss import losses_by_band, prefill, token_losses
    from ropescope.quality.retrieval import Score, score, scores
    from ropescope.quality.texts import Text, calibration_texts, held_out_texts
    from ropescope.quality.trials import Trial, trials

_HOMES = {
    "Interval": "intervals",
    "Score": "retrieval",
    "Text": "texts",
    "Trial": "trials",
    "calibration_texts": "texts",
    "held_out_texts": "texts",
    "losses_by_band": "loss",
    "paired": "intervals",
    "prefill": "loss",
    "score": "retrieval",
    "scores": "retrieval",
    "token_losses": "loss",
    "trials": "trials",
    "wilson": "intervals",
}

__all__ = [
    "Interval",
    "Score",
    "Text",
    "Trial",
    "calibration_texts",
    "held_out_texts",
    "losses_by_band",
    "paired",
    "prefill",
    "score",
    "scores",
    "token_losses",
    "trials",
    "wilson",
]


# torch costs seconds to import: texts and intervals need none of it.
__getattr__ = attributes(__name__, _HOMES)
