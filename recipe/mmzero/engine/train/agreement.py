"""Do server and trainer run the same model? The one sign of an adapter that is loaded and not applied. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from recipe.mmzero.engine.train.batch import StageFailure

PEARSON = "training/rollout_actor_probs_pearson_corr"  # verl/utils/debug/metrics.py


def require_agreement(metrics: Mapping[str, float], step: int, settings: Mapping[str, Any]) -> None:
    """Stop where server and trainer give sampled tokens different probabilities while an adapter is trained.

    A server that holds an adapter and does not apply it samples from the base: rewards, advantages and losses look as
    ever, and only this correlation shows it.

    Args:
        metrics: of this step, verl's `PEARSON` among them; it is not a number when no token counts.
        step: of the stage, counted from 1.
        settings: rank, min_correlation, checked_steps.
    Raises:
        StageFailure: below `min_correlation` in one of the first `checked_steps` steps.
    """
    found, least = metrics.get(PEARSON, math.nan), settings["min_correlation"]
    if settings["rank"] and step <= settings["checked_steps"] and found < least:
        raise StageFailure(
            f"step {step}: probabilities of server and trainer correlate by {found:.2f}, less than "
            f"adapter.min_correlation={least:g}: is the adapter loaded and not applied? Check that adapter.exclude has "
            "the vision tower, adapter.targets names layers that vLLM adapts, and rollout.load_format is safetensors"
        )
