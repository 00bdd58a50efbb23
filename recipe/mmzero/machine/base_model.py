"""The base checkpoint as a local folder: built (tiny), given (a folder) or fetched (a hub id)."""

import subprocess
import sys
from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero.settings.schema import ConfigError


def base_folder(config: DictConfig) -> Path:
    """The folder of `model.path`, made or fetched first if necessary.

    Raises:
        ConfigError: no such folder, or the hub cannot be reached and the model is not in its cache; one line.
    """
    name = str(config.model.path)
    if name == "tiny":
        return _tiny()
    if Path(name).is_dir():
        return Path(name).resolve()
    if name.startswith(("/", ".", "~")) or name.count("/") != 1:
        raise ConfigError(f"model.path={name}: no such folder; give a model folder or a hub id like owner/name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name))
    except (LocalEntryNotFoundError, RepositoryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"model.path={name}: not in the hub cache and could not be fetched ({reason})") from None


def _tiny() -> Path:
    """The tiny base; built by a process of its own, so that the loop never loads torch."""
    from recipe.mmzero.tiny.cache import base_folder as tiny_folder

    folder = tiny_folder()
    if not (folder / "config.json").exists():
        command = [sys.executable, "-m", "recipe.mmzero.cli", "tiny", "build"]
        if subprocess.run(command, check=False).returncode:
            raise ConfigError(f"the tiny base could not be built in {folder}: see the lines above")
    return folder
