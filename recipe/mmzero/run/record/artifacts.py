"""Fingerprints of files and folders, and checks that an output is what its consumers expect.

A folder's fingerprint is the hash of its sorted (relative path, size, sha256) list, so a missing, added or changed file
shows; a file's is its sha256.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def fingerprint(path: Path) -> str:
    """sha256 of a file, or of a folder's manifest.

    Raises:
        FileNotFoundError: nothing is there.
    """
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0{file_hash(file)}\n".encode())
        return digest.hexdigest()
    return file_hash(path)


def file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def problem_with(path: Path) -> str | None:
    """What is wrong with an output, in one line, or None: a model or an adapter, a parquet file, JSON or its lines."""
    if not path.exists():
        return f"{path} is missing"
    if path.is_dir():
        return _problem_with_model(path)
    if path.suffix == ".parquet":
        return _problem_with_parquet(path)
    if path.suffix == ".json":
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, OSError) as error:
            return f"{path} is not JSON: {error}"
    return None if path.stat().st_size else f"{path} is empty"


def _problem_with_model(folder: Path) -> str | None:
    names = [name for name in ("config.json", "adapter_config.json") if (folder / name).is_file()]
    if not names:
        return f"{folder} is no model folder: config.json is missing"
    for name in names:
        if not isinstance(_json(folder / name), dict):
            return f"{folder / name} is damaged"
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        return f"{folder} holds no weights (*.safetensors)"
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = _json(index)
        shards = named.get("weight_map") if isinstance(named, dict) else None
        if not isinstance(shards, dict):
            return f"{index} is damaged"
        if missing := {str(name) for name in shards.values()} - {file.name for file in weights}:
            return f"{folder / min(missing)} is missing"
    for file in weights:
        with file.open("rb") as data:
            length = int.from_bytes(data.read(8), "little")
            header = data.read(length) if 0 < length < 1 << 27 else b""
        try:
            tensors = json.loads(header)
            ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"]
            end = max(ends, default=0)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return f"{file} is damaged: its header cannot be read"
        if file.stat().st_size != 8 + length + end:
            return f"{file} is damaged: {file.stat().st_size} bytes, its header says {8 + length + end}"
    return None


def _json(path: Path) -> Any:
    """What a JSON file holds; None if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _problem_with_parquet(path: Path) -> str | None:
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except (OSError, ValueError) as error:
        return f"{path} is damaged: {str(error).splitlines()[0]}"
    return None if rows else f"{path} holds no rows"
