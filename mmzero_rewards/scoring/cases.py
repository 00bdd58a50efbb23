"""The file of recorded cases that replay.py recomputes: read, and checked against the shape of each role's inputs.

A shape is written as the data it describes: `TEXT`, `MAYBE` (a text or null), `FLAG`, `NUMBER`, `[shape]` for a list,
`{name: shape}` for an object, where a name ending in `?` may be left out, and `(shape, None)` where null is allowed.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzero_rewards.prompting import PROPOSAL_FIELDS

PRESET_NAMES = {"reference": "paper", "paper": "paper", "default": "default"}
TEXT, MAYBE, FLAG, NUMBER = "a text", "a text or null", "true or false", "a number"
ANY_OBJECT = "an object"
LARGEST = 1e300
"""Numbers below it, whole ones too, are safe to compute with."""

VOTES = [MAYBE]
DRAWING = {"rendered?": FLAG, "easy_votes": VOTES, "hard_votes": VOTES, "drawn_text?": [TEXT]}
PROPOSAL = {(f"{name}?" if name == "content_type" else name): TEXT for name in PROPOSAL_FIELDS}
SHAPES: dict[str, dict[str, Any]] = {
    "proposer": {"proposals": [{"text": TEXT, "renders": [(DRAWING, None)]}]},
    "coder": {"samples": [{"proposal": PROPOSAL, "response": TEXT, **DRAWING}]},
    "solver": {"response": TEXT, "label": MAYBE},
    "extract": {"text": TEXT},
    "parse": {"text": TEXT},
    "content_type": {"tag": TEXT, "caption": TEXT},
    "vote": {"votes": VOTES},
    "label": {"easy_votes": VOTES, "hard_votes": VOTES, "easy_answer": TEXT, "hard_answer?": MAYBE},
    "diversity": {"texts": [TEXT], "distance_threshold?": NUMBER},
    "equal": {"a": MAYBE, "b": TEXT},
}
CASE = {"id": TEXT, "role": TEXT, "preset?": TEXT, "inputs": ANY_OBJECT, "expected": ANY_OBJECT, "note?": TEXT}


class ReplayError(ValueError):
    """The file cannot be replayed; one line saying which case and why."""


def load(path: Path) -> list[dict[str, Any]]:
    """The cases of a file.

    Raises:
        ReplayError: not a JSON list of cases, an empty one, or a case that is not complete, not unique, or whose inputs
            do not fit its role.
    """
    try:
        cases = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReplayError(f"cannot read {path}: {one_line(error)}") from None
    except RecursionError:
        raise ReplayError(f"cannot read {path}: nested too deeply") from None
    if not isinstance(cases, list):
        raise ReplayError(f"{path}: expected a JSON list of cases, got {type(cases).__name__}")
    if not cases:
        raise ReplayError(f"{path}: no cases")
    for number, case in enumerate(cases):
        if not isinstance(case, dict):
            raise ReplayError(f"{path}: case {number} is not an object")
        missing = [key for key in ("id", "role", "inputs", "expected") if key not in case]
        if missing:
            raise ReplayError(f"{path}: case {number} has no '{missing[0]}'")
        if wrong := misfit(CASE, case, ""):
            raise ReplayError(f"{path}: case {number}: {wrong}")
        check(case)
    (name, count), *_ = Counter(case["id"] for case in cases).most_common(1)
    if count > 1:
        raise ReplayError(f"{path}: {count} cases have the id {name!r}")
    return cases


def check(case: Mapping[str, Any]) -> None:
    """Does one case fit its role?

    Raises:
        ReplayError: unknown role or preset, or inputs of another shape; names the place.
    """
    for name, known in (("role", SHAPES), ("preset", PRESET_NAMES)):
        value = case.get(name, "default")
        if value not in known:
            raise ReplayError(f"case {case['id']!r}: unknown {name} {value!r}; choose from {', '.join(known)}")
    if wrong := misfit(SHAPES[case["role"]], case["inputs"], ""):
        raise ReplayError(f"case {case['id']!r}: inputs do not fit role '{case['role']}': {wrong}")


def misfit(shape: Any, value: Any, where: str) -> str:
    """Where `value` departs from `shape`, or "" if it does not."""
    here = where or "inputs"
    if isinstance(shape, tuple):
        return "" if value is None else misfit(shape[0], value, where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{here} must be a list"
        return next((wrong for i, one in enumerate(value) if (wrong := misfit(shape[0], one, f"{where}[{i}]"))), "")
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{here} must be an object"
        for name, inner in shape.items():
            key, path = name.removesuffix("?"), f"{where}.{name.removesuffix('?')}".lstrip(".")
            if key not in value:
                if name == key:
                    return f"{path} is missing"
            elif wrong := misfit(inner, value[key], path):
                return wrong
        return ""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
    fits = {
        TEXT: isinstance(value, str),
        MAYBE: value is None or isinstance(value, str),
        FLAG: isinstance(value, bool),
        NUMBER: number,
        ANY_OBJECT: isinstance(value, dict),
    }
    return "" if fits[shape] else f"{here} must be {shape}"


def one_line(text: object) -> str:
    """Any text as one printable line."""
    return " ".join(str(text).encode("utf-8", "replace").decode().split())
