"""What a sample says about its drawings: plain data for dumps, pictures as files.

Part of roles.py, which says when. Written by the process that rendered, so a picture never travels.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from mmzero_rewards.evidence import REFUSED_PROMPT, Drawn, digest
from mmzero_rewards.scoring.checks import picture_hash
from mmzero_rewards.scoring.inputs import Drawing
from mmzero_rewards.scoring.verified import TextView


def drawing_record(one: Drawn, dump_dir: Path | None) -> dict[str, Any]:
    """One drawing, still without votes; its picture is stored as a file. Blocks: files and decoding."""
    return {
        "status": one.status,
        "code": one.code,
        "language": one.language,
        "image": _store(one.png, dump_dir),
        # Perceptual hash as 64 hex digits (checks.near_duplicates compares them over a batch).
        "picture_hash": one.png and f"{picture_hash(Image.open(io.BytesIO(one.png))):064x}",
        "drawn_text": list(one.drawn_text),
        "answers": list(one.answers),
        "easy_votes": [],
        "hard_votes": [],
    }


def add_votes(sample: dict[str, Any], drawings: Sequence[Drawing]) -> None:
    """Put votes into the sample, and into its status that a peer refused a prompt."""
    if any(one.status == REFUSED_PROMPT for one in drawings):
        sample["status"] = REFUSED_PROMPT
    for record, judged in zip(sample["drawings"], drawings, strict=True):
        record |= {"easy_votes": list(judged.easy_votes), "hard_votes": list(judged.hard_votes)}


def add_text_view(sample: dict[str, Any], view: TextView | None) -> None:
    """What was answered from the caption; nothing where it was not asked."""
    if view is not None:
        sample |= {"text_easy_votes": list(view.easy_votes), "text_hard_votes": list(view.hard_votes)}


def _store(png: bytes | None, dump_dir: Path | None) -> str | None:
    """Write a picture once per content; returns its path relative to `dump_dir`."""
    if png is None or dump_dir is None:
        return None
    name = f"images/{digest(png)}.png"
    target = dump_dir / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
        temporary.write_bytes(png)
        os.replace(temporary, target)
    return name
