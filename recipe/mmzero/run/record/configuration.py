"""The settings that a run folder keeps, RUN_DIR/config.yaml, for whoever looks at a run and does not run it.

A run of another version has keys that this one does not know; they are left out, so that its plan is known.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks import keys
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.settings.text import short


def of_run(run_dir: Path) -> DictConfig:
    """The configuration with the types of the schema; what the file does not say is missing.

    Raises:
        JournalError: the file is missing or damaged, or a value has another type; one line.
    """
    path = RunFolder(run_dir).config
    try:
        plain = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
        return OmegaConf.merge(OmegaConf.structured(schema.Config), _known(plain, keys.tree()))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, YAMLError, OmegaConfBaseException) as error:
        raise unusable(run_dir, error) from None


def chosen(run_dir: Path, *keys: str) -> list[Any]:
    """The values of some keys.

    Raises:
        JournalError: as `of_run`, and where the file lacks one: it is of an earlier version.
    """
    config = of_run(run_dir)
    try:
        return [OmegaConf.select(config, key, throw_on_missing=True) for key in keys]
    except MissingMandatoryValue as error:
        raise unusable(run_dir, error) from None


def unusable(run_dir: Path, error: Exception) -> JournalError:
    """One line about a configuration that cannot be used, or lacks what is asked of it."""
    reason = getattr(error, "strerror", None) or short(error, 200)
    return JournalError(f"{RunFolder(run_dir).config} cannot be used ({reason}); restore it")


def _known(node: Any, listed: Mapping[str, Any]) -> dict[str, Any]:
    """`node` without the keys that `listed` does not have; blocks that are empty in `listed` are open."""
    found = {key: value for key, value in node.items() if key in listed}
    for key, value in found.items():
        if isinstance(value, Mapping) and isinstance(listed[key], Mapping) and listed[key]:
            found[key] = _known(value, listed[key])
    return found
