"""What a model's answers are worth: its loss on text it was not tuned on, and whether it finds what it was told."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.quality.intervals import Interval as Interval
    from ropescope.quality.intervals import paired as paired
    from ropescope.quality.intervals import wilson as wilson
    from ropescope.quality.loss import losses_by_band as losses_by_band
    from ropescope.quality.loss import prefill as prefill
    from ropescope.quality.loss import token_losses as token_losses
    from ropescope.quality.retrieval import Score as Score
    from ropescope.quality.retrieval import score as score
    from ropescope.quality.retrieval import scores as scores
    from ropescope.quality.texts import Text as Text
    from ropescope.quality.texts import calibration_texts as calibration_texts
    from ropescope.quality.texts import held_out_texts as held_out_texts
    from ropescope.quality.trials import Trial as Trial
    from ropescope.quality.trials import trials as trials
else:
    # torch costs seconds to import: texts and intervals need none of it.
    __getattr__, __dir__ = attributes(__name__)
