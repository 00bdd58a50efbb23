"""The base checkpoint as a local folder: built (tiny), given (a folder) or fetched (a hub id)."""

from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero.schema import ConfigError


def base_folder(config: DictConfig) -> Path:
    """The folder of `model.path`, made or fetched first if necessary.

    Raises:
        ConfigError: no such folder, or the hub cannot be reached and the model is not in its cache; one line.
    """
    name = str(config.model.path)
    if name == "tiny":
        from recipe.mmzero.tiny.cache import ensure_base

        return ensure_base()
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
