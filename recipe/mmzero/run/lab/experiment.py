"""An experiment: arms x seeds of whole runs, read from `config/lab/NAME.yaml` or a file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path

import yaml


class ExperimentError(ValueError):
    """The experiment cannot be read or used; one line: what, where, remedy."""


@dataclass(frozen=True)
class Experiment:
    """settings: key=value words of every run. arms: name -> further words. control: the arm that others are compared
    with. Two runs of one seed differ in nothing but their arms' words."""

    name: str
    settings: list[str]
    seeds: list[int]
    control: str
    arms: dict[str, list[str]]

    def runs(self, out: Path, arms: Sequence[str] = (), seeds: Sequence[int] = ()) -> list["Run"]:
        """All runs, or those of the named arms and seeds, seed by seed: a first comparison comes early.

        Raises:
            ExperimentError: an arm is unknown.
        """
        for arm in arms:
            if arm not in self.arms:
                raise ExperimentError(f"{self.name} has no arm '{arm}'; one of {', '.join(self.arms)}")
        return [
            Run(arm, seed, out / self.name / arm / f"seed_{seed}", (*self.settings, *self.arms[arm], f"seed={seed}"))
            for seed in (seeds or self.seeds)
            for arm in (arms or self.arms)
        ]


@dataclass(frozen=True)
class Run:
    """One arm with one seed. words: key=value settings without run_dir. taken_from: EXPERIMENT/ARM, if the folder is
    that of another experiment's run (shared.py)."""

    arm: str
    seed: int
    folder: Path
    words: tuple[str, ...]
    taken_from: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """Key -> value of the words; of a key that is given twice the last."""
        return settings_of(self.words)


def settings_of(words: Sequence[str]) -> dict[str, str]:
    """
    >>> settings_of(["seed=1", "stage.steps=20", "seed=2"])
    {'seed': '2', 'stage.steps': '20'}
    """
    return {key: value for key, _, value in (word.partition("=") for word in words)}


def shipped() -> list[str]:
    """Names of the experiments that come with the package."""
    folder = resources.files("recipe.mmzero.config").joinpath("lab")
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def load(name: str) -> Experiment:
    """A shipped experiment by name, or a YAML file of one's own.

    Raises:
        ExperimentError: unknown, not YAML, or not of this form.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ExperimentError(f"{name}: there is no such file")
        try:
            text, name = path.read_text("utf-8"), path.stem
        except UnicodeDecodeError:
            raise ExperimentError(f"{name} is not UTF-8") from None
    elif name in shipped():
        text = resources.files("recipe.mmzero.config").joinpath("lab", f"{name}.yaml").read_text(encoding="utf-8")
    else:
        raise ExperimentError(f"no experiment '{name}'; one of {', '.join(shipped())}, or a file NAME.yaml")
    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ExperimentError(f"{name} is not YAML: {str(error).splitlines()[0]}") from None
    return _typed(name, plain)


def _typed(name: str, plain: object) -> Experiment:
    wanted = {field.name for field in fields(Experiment)} - {"name"}
    if not isinstance(plain, dict) or set(plain) != wanted:
        raise ExperimentError(f"{name}: an experiment has exactly the keys {', '.join(sorted(wanted))}")
    words = [plain["settings"], *(plain["arms"] or {}).values()] if isinstance(plain["arms"], dict) else [None]
    if not all(
        isinstance(some, list) and all(isinstance(word, str) and "=" in word for word in some) for some in words
    ):
        raise ExperimentError(f"{name}: settings and each arm are lists of key=value words")
    for arm in plain["arms"]:  # it is the name of a folder
        if not isinstance(arm, str) or not re.fullmatch(r"\w[\w.-]*", arm):
            raise ExperimentError(f"{name}: arm {arm!r} is no name of letters, digits and . _ -")
    seeds = plain["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ExperimentError(f"{name}: seeds is a list of whole numbers")
    if len(set(seeds)) < len(seeds):
        raise ExperimentError(f"{name}: a seed stands there twice; it would be one run that counts as two")
    if plain["control"] not in list(plain["arms"]):
        raise ExperimentError(f"{name}: control '{plain['control']}' is no arm; one of {', '.join(plain['arms'])}")
    return Experiment(name, plain["settings"], plain["seeds"], plain["control"], plain["arms"])
