"""Is a checkpoint usable? Reads a model folder's small files, imports no engine.

A path is `tiny` (built on first use), a folder, or a hub id `owner/name` that is looked up in the Hugging Face cache.
Trained and serving code need: config.json with a vision tower, a processor, a chat template and whole weights. verl
itself turns an unknown processor into a text-only model without a word, so this is checked before a start.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mmzero.settings import adapters

TINY = "tiny"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
TEMPLATES = ("chat_template.jinja", "chat_template.json")
# Processors that verl 0.9.1 accepts, by model_type (verl/utils/tokenizer/tokenizer.py:208-236), of the families here.
FAMILIES = {"qwen2_5_vl": ("qwen2_5_vl", "mimovl"), "qwen3_vl": ("qwen3_vl",)}


@dataclass(frozen=True)
class Found:
    """Where a checkpoint is: a folder, or what has to happen first (`note`)."""

    folder: Path | None
    note: str = ""


class ModelError(ValueError):
    """The checkpoint cannot be used; one line with the remedy."""


def locate(path: str, allow_download: bool) -> Found:
    """The folder of a checkpoint, if it is on this machine.

    Raises:
        ModelError: it is not here and will not be fetched.
    """
    if path == TINY:
        return Found(None, "built on first use")
    folder = Path(path).expanduser()
    if folder.is_dir():
        return Found(folder)
    if folder.is_file():
        raise ModelError(f"model.path={path} is a file; give the folder that holds config.json and the weights")
    if not HUB_ID.fullmatch(path):
        raise ModelError(f"model.path={path}: there is no such folder")
    cached = _cached(path)
    if cached is not None:
        return Found(cached)
    offline = [
        name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(name, "0") not in ("", "0")
    ]
    if offline or not allow_download:
        why = f"{offline[0]} is set" if offline else "model.allow_download=false"
        raise ModelError(
            f"model.path={path} is neither a folder nor in the Hugging Face cache, and {why}: download it first "
            f"(hf download {path}) or give a folder"
        )
    return Found(None, "fetched from the hub on first use")


def checkpoint_of(config: Any, reference: str) -> str:
    """What a plan's reference stands for: `base`, or the output of the step with that id (it need not exist yet).

    A hub id that is not on this machine stays one.
    """
    if reference != "base":
        made = "adapter" if adapters.on_one_base(config) else "hf"
        output = "train.parquet" if "/collect_" in reference else made
        return str(Path(config.run_dir).absolute() / reference / output)
    path = str(config.model.path)
    if path == TINY:
        from recipe.mmzero.tiny.cache import base_folder

        return str(base_folder())
    try:
        return str(locate(path, allow_download=True).folder or path)
    except ModelError:
        return path


def _cached(hub_id: str) -> Path | None:
    """The newest snapshot of a hub id in the local cache (layout of huggingface_hub)."""
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    root = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub") / f"models--{hub_id.replace('/', '--')}"
    snapshots = [path.parent for path in root.glob("snapshots/*/config.json")]
    return max(snapshots, key=lambda path: path.stat().st_mtime) if snapshots else None


def inspect(folder: Path, family: str | None = None) -> dict[str, Any]:
    """Check a model folder; returns its config.json.

    Raises:
        ModelError: config.json, the vision tower, the processor, the chat template or weights are missing or wrong.
    """
    config = _json(folder / "config.json")
    if not isinstance(config.get("vision_config"), dict):
        kind = config.get("model_type", "unknown")
        raise ModelError(f"{folder} has no vision tower (model_type {kind}): MM-Zero needs a vision-language model")
    if family is not None and config.get("model_type") not in FAMILIES.get(family, (family,)):
        raise ModelError(
            f"{folder} is a {config.get('model_type')} model, the profile expects {family}: choose another model=, "
            "or set model.family"
        )
    if not any((folder / name).is_file() for name in PROCESSOR):
        raise ModelError(f"{folder} has no processor ({' or '.join(PROCESSOR)}): copy it from the base checkpoint")
    if not (folder / "tokenizer_config.json").is_file():
        raise ModelError(f"{folder} has no tokenizer (tokenizer_config.json): copy it from the base checkpoint")
    templated = any((folder / name).is_file() for name in TEMPLATES)
    if not templated and "chat_template" not in _json(folder / "tokenizer_config.json"):
        raise ModelError(f"{folder} has no chat template ({TEMPLATES[0]}): copy it from the base checkpoint")
    _check_weights(folder)
    return config


def copy_small_files(source: Path, target: Path) -> None:
    """Tokenizer, processor and chat template of a model folder, but for what `target` has of its own."""
    for file in source.iterdir() if source.is_dir() else ():
        small = file.suffix in (".json", ".jinja", ".txt") and "safetensors" not in file.name
        if small and not (target / file.name).exists():
            shutil.copy2(file, target / file.name)


def _check_weights(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        wanted = sorted(set(_json(index)["weight_map"].values()))
        missing = [name for name in wanted if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} lacks {len(missing)} of {len(wanted)} weight files, first {missing[0]}")
    elif not any(folder.glob("*.safetensors")):
        raise ModelError(f"{folder} holds no weights (*.safetensors)")


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} is no model folder: {path.name} is missing") from None
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from None
