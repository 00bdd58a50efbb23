"""Which dotted keys a configuration may have, and the nearest valid one to a typo. Pure.

Typed blocks know their keys. Blocks that settings.py types as plain dictionaries (`render`, `proposer.diversity`, ...)
may have exactly the keys that `config/mmzero.yaml` lists; an empty dictionary there is open.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key of a tree, inner nodes included."""
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, dotted + ".")
        yield dotted


def unknown(node: Mapping[str, Any], listed: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted keys of `node` that `listed` does not have; blocks that are empty in `listed` are open."""
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        if key not in listed:
            yield dotted
        elif isinstance(value, Mapping) and isinstance(listed[key], Mapping) and listed[key]:
            yield from unknown(value, listed[key], dotted + ".")


def nearest(key: str, valid: Sequence[str]) -> str | None:
    """The valid dotted key closest to `key` by its last part, a key of the same block first; None if none is close."""
    block, _, name = key.rpartition(".")

    def closeness(other: str) -> float:
        parent, _, tail = other.rpartition(".")
        return difflib.SequenceMatcher(None, name, tail).ratio() + (0.15 if parent == block else 0.0)

    best = max(valid, key=closeness)
    return best if closeness(best) >= 0.7 else None
