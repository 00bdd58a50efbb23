"""`config/mmzero.yaml` and its groups composed with the words of a command line, and one line where Hydra refuses.

A word is `key=value` in Hydra's grammar, with two differences that a shell user expects: a key that the YAML leaves out
can be set like any other, and the value of a path (`run_dir`, `model.path`, ...) is taken as it stands, so blanks,
quotes, `=`, brackets and `#` need no second pair of quotes.
"""

import re
from collections.abc import Sequence
from importlib import resources

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mmzero_env.config.hints import did_you_mean
from recipe.mmzero.settings import ranges
from recipe.mmzero.settings.types import ConfigError

GROUPS = ("model", "hardware", "rewards", "tuning", "ablation")
CONFIG = "recipe.mmzero.config"


def composed(overrides: Sequence[str] = (), with_hydra: bool = False) -> DictConfig:
    """The YAML with the overrides applied, neither typed nor resolved.

    Raises:
        ConfigError: a word that is no `key=value`, or a group that has no such file; one line.
    """
    GlobalHydra.instance().clear()
    words = [settable(override) for override in overrides]
    with initialize_config_module(CONFIG, version_base=None):
        try:
            return compose("mmzero", overrides=words, return_hydra_config=with_hydra)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise ConfigError(_explain(error, overrides)) from None


def settable(word: str) -> str:
    """A word of the command line as Hydra takes it.

    Raises:
        ConfigError: it has no `=`, no key, or no value where one is needed.
    """
    key, equals, value = word.partition("=")
    if not equals and not word.startswith("~"):
        raise ConfigError(f"'{word}' is no setting: write key=value, for example seed=1")
    if not re.fullmatch(r"~?\+{0,2}[\w/.@:-]+", key):
        raise ConfigError(f"'{word}' names no key: write key=value, for example seed=1")
    plain = key[:1] not in "+~" and "@" not in key
    rule = ranges.declared().get(key.lstrip("+"))
    if rule is not None and rule.path and value != "null":
        value = _quoted(value)
    if key.lstrip("+") == "verl" and not value.startswith("{"):
        raise ConfigError(
            f"config key 'verl' is a block of settings, got {value!r}; set verl.all.KEY or verl.<role>.KEY"
        )
    word = f"{key}{equals}{value}"
    return f"++{word}" if plain and key not in GROUPS and not key.startswith("hydra.") else word


def _quoted(value: str) -> str:
    """A text in Hydra's quotes, unless the user wrote them."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", value)
    tail = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{escaped[len(escaped) - tail :]}'"


def group_names(group: str) -> list[str]:
    """The files of a config group."""
    folder = resources.files(CONFIG).joinpath(group)
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """One line for Hydra's multi-line errors."""
    message = str(error.__cause__ or error).strip()
    missing = re.search(r"Could not find '(\w+)/([^']*)'", message) or re.search(
        r"Could not find '(\w+)/([^']*)'", str(error)
    )
    if missing and missing[1] in GROUPS:
        group, name = missing.groups()
        names = group_names(group)
        return f"config group '{group}' has no '{name}'; choose one of {', '.join(names)}{did_you_mean(name, names)}"
    for word in overrides:
        key, _, value = word.partition("=")
        if word in str(error) or settable(word) in str(error) or (value and value in message):
            if "," in value and value[:1] not in "[{'\"":
                return f"'{word}' is a list of runs; start one run for each"
            quoted = f"\"{key}='...'\""
            return (
                f"'{word}' cannot be read; a value with blanks or special characters needs quotes of its own: {quoted}"
            )
    return f"config: {message.splitlines()[0] if message else type(error).__name__}"
