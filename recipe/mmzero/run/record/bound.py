"""A folder that grows over attempts is bound to what its content depends on, so that nothing else is added to it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzero_env.process import replace

FILE = "identity.json"


def bind(folder: Path, identity: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Bind `folder` to `identity`, or compare with what it is bound to already.

    Returns:
        key -> (bound to, asked for) of what differs, by name; empty if the folder may be used.
    Raises:
        ValueError: the file that says so is damaged; its path is the message.
    """
    path = folder / FILE
    wanted = json.loads(json.dumps(dict(identity), sort_keys=True))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(str(path))
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        replace.write(path, json.dumps(wanted, sort_keys=True, indent=1) + "\n", sync=True)
        return {}
    except (ValueError, RecursionError):
        raise ValueError(str(path)) from None
    keys = sorted(found.keys() | wanted.keys())
    return {key: (found.get(key), wanted.get(key)) for key in keys if found.get(key) != wanted.get(key)}
