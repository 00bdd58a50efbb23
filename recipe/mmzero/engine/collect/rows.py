"""The parquet files of docs/method.md §4, written row by row in bounded memory.

Every schema is explicit: a column that happens to hold only nulls or empty lists keeps its type, so files of different
steps can be read together. Training files have verl's columns (`data_source`, `prompt`, `images`, `reward_model`,
`extra_info`, `agent_name`); the columns of method.md §4 stand in `extra_info`. `images` holds absolute paths, because
verl's workers have other working directories; `extra_info.image` and drawings.parquet hold the path within the step.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmzero_env.process.replace import replacing
from mmzero_rewards.prompting import PROPOSAL_FIELDS

ROW_GROUP = 256

TEXT, TEXTS = pa.string(), pa.list_(pa.string())
_ORIGIN = [("proposal_id", TEXT), ("iteration", pa.int64()), ("topic", TEXT), ("seed", pa.int64())]
_FIELDS = [(name, TEXT) for name in PROPOSAL_FIELDS]

PROPOSALS = pa.schema([*_ORIGIN, *_FIELDS, ("format_ok", pa.bool_()), ("raw_text", TEXT), ("reject_reason", TEXT)])
DRAWINGS = pa.schema(
    [
        ("proposal_id", TEXT),
        ("code_id", TEXT),
        ("language", TEXT),
        ("code", TEXT),
        ("status", TEXT),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("image", TEXT),
        ("drawn_text", TEXTS),
        ("answers", TEXTS),
    ]
)
_JUDGED = [
    ("hard_consistency", pa.float64()),
    ("easy_votes", TEXTS),
    ("easy_accuracy", pa.float64()),
    ("easy_consistency", pa.float64()),
    ("label_agrees", pa.bool_()),
    ("label_source", TEXT),
    ("label_share", pa.float64()),
    ("label_evidence", pa.float64()),
    ("text_votes", TEXTS),
    ("program_answers", TEXTS),
    ("leak", pa.bool_()),
    ("blind_rate", pa.float64()),
]
LABELS = pa.schema(
    [("proposal_id", TEXT), ("code_id", TEXT), ("label", TEXT), ("hard_votes", TEXTS), *_JUDGED, ("blind_votes", TEXTS)]
)


def training_schema(extra_info: Sequence[tuple[str, pa.DataType]]) -> pa.Schema:
    """verl's columns around one `extra_info` struct."""
    return pa.schema(
        [
            ("data_source", TEXT),
            ("agent_name", TEXT),
            ("prompt", pa.list_(pa.struct([("role", TEXT), ("content", TEXT)]))),
            ("images", TEXTS),
            ("reward_model", pa.struct([("style", TEXT), ("ground_truth", TEXT)])),
            ("extra_info", pa.struct([pa.field(name, kind) for name, kind in extra_info])),
        ]
    )


TOPIC_ROWS = training_schema([("index", pa.int64()), ("topic", TEXT)])
CODER_ROWS = training_schema(
    [
        ("index", pa.int64()),
        *_ORIGIN,
        *_FIELDS,
        ("render_rate", pa.float64()),
        ("reward_variance", pa.float64()),
        ("text_easy_votes", TEXTS),
        ("text_hard_votes", TEXTS),
        ("kept_by", TEXT),
    ]
)
SOLVER_ROWS = training_schema(
    [
        ("index", pa.int64()),
        *_ORIGIN,
        ("code_id", TEXT),
        *_FIELDS,
        ("image", TEXT),
        ("label", TEXT),
        ("hard_votes", TEXTS),
        *_JUDGED,
    ]
)


def training_row(
    role: str,
    prompt: list[dict[str, str]],
    extra_info: Mapping[str, Any],
    images: Sequence[str] = (),
    ground_truth: str = "",
) -> dict[str, Any]:
    """One row for verl."""
    return {
        "data_source": f"mmzero_{role}",
        "agent_name": f"mmzero_{role}",
        "prompt": prompt,
        "images": list(images),
        "reward_model": {"style": "rule", "ground_truth": ground_truth},
        "extra_info": dict(extra_info),
    }


def write_parquet(path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    """Stream rows into `path` with one atomic rename at the end; returns how many. An older file is replaced."""
    count = 0
    with replacing(path, sync=True) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        batch: list[Mapping[str, Any]] = []
        for row in rows:
            batch.append(row)
            count += 1
            if len(batch) == ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        if batch or not count:
            writer.write_table(pa.Table.from_pylist(batch, schema))
    return count
