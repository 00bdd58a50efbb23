"""`config/mmzero.yaml` and its groups composed with the words of a command line, and one line where Hydra refuses.

A word is `key=value` in Hydra's grammar, with three differences that a shell user expects: a key that the YAML leaves
out can be set like any other (`+key` and `++key` say the same), the value of a path (`run_dir`, `model.path`, ...) is
taken as it stands, so blanks, quotes, `=`, brackets and `#` need no second pair of quotes, and a group takes one name.
"""

import re
from collections.abc import Sequence
from importlib import resources

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mmzero_env.config.hints import did_you_mean
from recipe.mmzero.settings.checks import ranges
from recipe.mmzero.settings.types.run import ConfigError

GROUPS = ("model", "hardware", "rewards", "tuning", "ablation")
CONFIG = "recipe.mmzero.config"
# Blocks named as a folder beside mmzero.yaml, which Hydra takes for groups -> what to set in place of the whole.
FOLDERS = {"verl": "verl.all.KEY or verl.<role>.KEY", "prompts": "prompts.<role>"}


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
        ConfigError: it has no `=`, no key, no value where one is needed, or takes a key away.
    """
    key, equals, value = word.partition("=")
    key = re.sub(r"^\+{1,2}", "", key)
    if word.startswith("~"):
        raise ConfigError(f"'{word}': a run needs every key; set it to another value, or leave the word out")
    if not equals:
        raise ConfigError(f"'{word}' is no setting: write key=value, for example seed=1")
    if not re.fullmatch(r"[\w.-]+", key) or key.partition(".")[0] == "hydra":
        raise ConfigError(f"'{word}' names no key: write key=value, for example seed=1")
    if key in GROUPS:
        names, name = group_names(key), value.strip("'\"")
        if name not in names:
            listed = f"{', '.join(names)}{did_you_mean(name, names)}"
            raise ConfigError(f"config group '{key}' has no '{name}'; choose one of {listed}")
        return f"{key}={name}"
    rule = ranges.declared().get(key)
    if rule is not None and rule.path and value != "null":
        value = _quoted(value)
    if key in FOLDERS and not value.startswith("{"):
        raise ConfigError(f"config key '{key}' is a block of settings, got {value!r}; set {FOLDERS[key]}")
    return f"++{key}={value}"


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
    for word in sorted(overrides, key=len, reverse=True):  # seed=1 stands in seed=1,2
        if settable(word) not in (getattr(error, "override", None) or str(error)):
            continue
        key, _, value = word.partition("=")
        if "," in value and value[:1] not in "[{'\"":
            return f"'{word}' is a list of runs; start one run for each"
        if isinstance(error, OverrideParseException):
            quoted = f"\"{key}='...'\""
            return (
                f"'{word}' cannot be read; a value with blanks or special characters needs quotes of its own: {quoted}"
            )
        return f"'{word}': {message.splitlines()[0]}"
    return f"config: {message.splitlines()[0] if message else type(error).__name__}"
