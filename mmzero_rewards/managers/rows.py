"""A verl row in plain Python: response text, ground truth, `extra_info`, and what a rollout worker already knows.

Part of managers.py. verl wraps every column in an array (dicts in object arrays, lists in 2-D arrays) and pads
responses; several outputs of one roll-out arrive as several rows, of which the last is scored.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.verified import TextView

NEEDED_FIELDS = ("caption", "easy_question", "easy_answer", "hard_question")


@dataclass(frozen=True)
class Row:
    """One roll-out. `index` is the dataset's index as text, "" if it has none."""

    response: str
    ground_truth: Any
    extra: Mapping[str, Any]
    tool: Mapping[str, Any]
    index: str


def row_of(data: Any, tokenizer: Any) -> Row:
    """The last output in a `verl.DataProto` of one roll-out."""
    item = data[-1:][0]
    columns = item.non_tensor_batch
    ids = item.batch["responses"]
    if "response_len" in columns:
        length = int(columns["response_len"])
    else:
        length = int(item.batch["attention_mask"][-ids.shape[-1] :].sum())
    extra = _mapping(columns, "extra_info")
    reward_model = _mapping(columns, "reward_model")
    index = extra.get("index", columns.get("index", ""))
    return Row(
        response=tokenizer.decode(ids[:length], skip_special_tokens=True),
        ground_truth=_plain(reward_model.get("ground_truth")),
        extra=extra,
        tool=_mapping(columns, "tool_extra_fields"),
        index=str(_plain(index)),
    )


def proposal_of(fields: Mapping[str, Any]) -> Proposal:
    """A proposal from a row's `extra_info`; `hard_answer` and `content_type` may be missing.

    Raises:
        ValueError: a needed field is missing or empty; names it.
    """
    values = {item.name: str(fields.get(item.name) or "") for item in dataclasses.fields(Proposal)}
    missing = [name for name in NEEDED_FIELDS if not values[name].strip()]
    if missing:
        raise ValueError(f"extra_info lacks {', '.join(missing)}: the Coder's reward needs {', '.join(NEEDED_FIELDS)}")
    return Proposal(**values | {"content_type": values["content_type"] or "other"})


def text_view_of(fields: Mapping[str, Any]) -> TextView | None:
    """What the Solver answered from the caption when the row was collected, or None if the row does not say."""
    columns = [fields.get(name) for name in ("text_easy_votes", "text_hard_votes")]
    if any(column is None for column in columns):
        return None
    easy, hard = (tuple(None if one is None else str(one) for one in column) for column in columns)
    return TextView(easy, hard)


def _mapping(columns: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A dict column; verl wraps columns in arrays, and parquet may hold a dict as a JSON string."""
    value = _plain(columns.get(name))
    if isinstance(value, str) and value:
        value = json.loads(value)
    return dict(value or {})


def _plain(value: Any) -> Any:
    """Array scalars and one-element arrays as Python values."""
    if isinstance(value, np.ndarray):
        return value.item() if value.size == 1 else value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def json_safe(value: Any) -> Any:
    """Not-a-number becomes null, tuples lists, lone surrogates "?": every JSON reader takes the result."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
