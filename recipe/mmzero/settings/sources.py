"""`mmzero config`: the resolved configuration, and where each value comes from.

The order is that of `defaults` in config/mmzero.yaml: the listing itself, then the chosen file of each group, then the
words of the command line; a key that none of them names has its default in the types. An interpolation names what it
follows, too (`${stage.steps}` in mmzero.yaml follows stage.steps).
"""

from collections.abc import Sequence
from importlib import resources
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings import compose, schema
from recipe.mmzero.settings.checks import keys, ranges

TYPES = "settings/types"
LISTING = "mmzero.yaml"


def listing(overrides: Sequence[str]) -> str:
    """YAML that `schema.check` takes again, one `# source` per value.

    Raises:
        ConfigError: as `schema.load`.
    """
    config = schema.load(overrides)
    origin = sources(overrides)
    lines: list[tuple[str, str]] = []
    _emit(OmegaConf.to_container(config, resolve=True), "", 0, origin, lines)
    width = min(60, max(len(text) for text, _ in lines))
    return "\n".join(f"{text:<{width}}  # {source}" if source else text for text, source in lines)


def _emit(node: dict[str, Any], prefix: str, depth: int, origin: dict[str, str], lines: list[tuple[str, str]]) -> None:
    for key, value in node.items():
        dotted, indent = f"{prefix}{key}", "  " * depth
        if isinstance(value, dict) and value:
            lines.append((f"{indent}{_scalar(key)}:", ""))
            _emit(value, dotted + ".", depth + 1, origin, lines)
        else:
            lines.append((f"{indent}{_scalar(key)}: {_scalar(value)}", _source(dotted, origin)))


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True).strip()
    return text.removesuffix("\n...").strip()


def _source(dotted: str, origin: dict[str, str]) -> str:
    """The source of a key, or of the innermost block that names it as a whole (`verl.all.x` of a command line)."""
    while dotted and dotted not in origin:
        dotted = dotted.rpartition(".")[0]
    return origin.get(dotted, TYPES)


def sources(overrides: Sequence[str]) -> dict[str, str]:
    """Dotted key -> `mmzero.yaml`, `model/tiny.yaml`, `command line`, ...; keys of the types only are not in it."""
    found: dict[str, str] = {}
    layers = [(LISTING, OmegaConf.create({k: v for k, v in keys.listed().items() if k not in ("defaults", "hydra")}))]
    for group, name in _choices(overrides).items():
        text = resources.files(compose.CONFIG).joinpath(group, f"{name}.yaml").read_text(encoding="utf-8")
        layers.append((f"{group}/{name}.yaml", OmegaConf.create(text)))
    for name, layer in layers:
        _mark(layer, name, found)
    for word in overrides:
        key = word.partition("=")[0].lstrip("+~")
        if key not in compose.GROUPS and "@" not in key:
            for inner in [other for other in found if other.startswith(f"{key}.")]:
                del found[inner]
            found[key] = "command line"
    return found


def _mark(layer: DictConfig, name: str, found: dict[str, str]) -> None:
    plain = OmegaConf.to_container(layer, resolve=False)
    for key, value in ranges.leaves(plain or {}):
        followed = value.strip("${}") if isinstance(value, str) and value.startswith("${") else None
        found[key] = f"{name}, follows {followed}" if followed else name


def _choices(overrides: Sequence[str]) -> dict[str, str]:
    """The chosen file of each group, in the order in which they are laid over each other."""
    chosen = compose.composed(overrides, with_hydra=True).hydra.runtime.choices
    order = [next(iter(entry)) for entry in keys.listed()["defaults"] if isinstance(entry, dict)]
    return {group: chosen[group] for group in order if chosen.get(group)}
