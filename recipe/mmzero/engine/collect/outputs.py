"""proposals.parquet, drawings.parquet and summary.json of a collection, from its shards."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmzero_env.process.replace import write
from mmzero_rewards.parsing.responses import extract_code
from mmzero_rewards.prompting import PROPOSAL_FIELDS
from recipe.mmzero.engine.collect.flow.ledger import Ledger
from recipe.mmzero.engine.collect.flow.shards import Record, ShardStore
from recipe.mmzero.engine.collect.rows import DRAWINGS, PROPOSALS, write_parquet
from recipe.mmzero.settings.folder import StepFolder


def proposal_columns(record: Record, iteration: int) -> dict[str, Any]:
    """Origin and the six fields (null where the proposal did not parse)."""
    fields = record["proposal"] or {}
    return {
        "proposal_id": record["proposal_id"],
        "iteration": iteration,
        "topic": record["topic"],
        "seed": record["seed"],
    } | {name: fields.get(name) for name in PROPOSAL_FIELDS}


def write_common(
    out_dir: Path, ledger: Ledger, store: ShardStore, iteration: int, languages: Sequence[str]
) -> dict[str, float]:
    """Write proposals.parquet and drawings.parquet for all rows before the cut, accepted or not.

    Returns:
        Numbers over them: format_valid, render_rate (share of codes) and `status/<name>` counts.
    """
    statuses: Counter[str] = Counter()
    valid = 0

    def proposals() -> Iterator[dict[str, Any]]:
        nonlocal valid
        for index in ledger.answered():
            record = store.read(index)
            valid += record["proposal"] is not None
            yield proposal_columns(record, iteration) | {
                "format_ok": record["proposal"] is not None,
                "raw_text": record["raw_text"],
                "reject_reason": ledger.reason(index),
            }

    def drawings() -> Iterator[dict[str, Any]]:
        for index in ledger.answered():
            record = store.read(index)
            for drawing in record["drawings"]:
                statuses[drawing["status"]] += 1
                code = extract_code(drawing["response"], languages).code if drawing["language"] else None
                yield {name: drawing.get(name) for name in DRAWINGS.names} | {
                    "proposal_id": record["proposal_id"],
                    "code": code,
                }

    count = write_parquet(StepFolder(out_dir).proposals, PROPOSALS, proposals())
    codes = write_parquet(StepFolder(out_dir).drawings, DRAWINGS, drawings())
    return {
        "format_valid": valid / max(1, count),
        "render_rate": statuses["ok"] / max(1, codes),
        "codes": codes,
        **{f"status/{name}": number for name, number in sorted(statuses.items())},
    }


def write_summary(out_dir: Path, numbers: dict[str, Any]) -> dict[str, Any]:
    write(StepFolder(out_dir).summary, json.dumps(numbers, indent=1) + "\n", sync=True)
    return numbers
