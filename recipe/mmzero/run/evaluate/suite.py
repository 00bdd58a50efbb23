"""A suite: what is asked and how, as typed YAML with ranges. `config/eval/` ships `quick` and `paper`.

`from: paper` takes everything from a shipped suite that the file does not say itself, `only: [mmmu]` some benchmarks.
Every value is declared with its range on its field; an unknown key is an error that names the nearest one.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml

from mmzero_env.config.hints import did_you_mean
from mmzero_env.config.ranges import (
    REQUIRED,
    RULE,
    Rule,
    choice,
    flag,
    items,
    items_rule,
    number,
    shown,
    text,
    text_rule,
    whole,
)
from mmzero_rewards.peers.address import no_address
from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.run.evaluate.errors import EvaluationError

MAPPING = Rule(
    "a table of text to text",
    lambda value: isinstance(value, Mapping) and all(isinstance(x, str) for pair in value.items() for x in pair),
)
LONG_TEXT = Rule("a text with {question} in it", lambda value: isinstance(value, str) and "{question}" in value)
OPEN_TEXT = Rule(f"{LONG_TEXT.says}, or null", lambda value: value is None or LONG_TEXT.accepts(value))
NOTE = Rule("a text", lambda value: isinstance(value, str))
ADDRESS = Rule(
    "host:port or a URL, or null",
    lambda value: value is None or (isinstance(value, str) and no_address(value) is None),
)
JUDGE_TEXT = Rule(
    "a text with {question}, {reference} and {response} in it, or null",
    lambda value: (
        value is None
        or (isinstance(value, str) and all("{" + x + "}" in value for x in ("question", "reference", "response")))
    ),
)


POOLED, AVERAGE = "pooled", "average"
"""Rows of a result beside those of the benchmarks; no benchmark may have such a name."""


@dataclass(frozen=True)
class Columns:
    """Which column of the data holds what; null: there is none."""

    question: str = text("a column's name")
    answer: str = text("a column's name")
    # each holds one picture or a list of them; empty ones are skipped
    images: list[str] = items(text_rule("a column's name"), default=["image"])
    # one column that holds a list, or one column for each choice, in order
    choices: list[str] = items(text_rule("a column's name"), default=[])
    id: str | None = text("a column's name", null=True, default=None)  # null: the item's number
    cluster: str | None = text("a column's name", null=True, default=None)  # null: items that share their pictures


@dataclass(frozen=True)
class Benchmark:
    """One set of items."""

    name: str = text("a name without blanks or slashes")
    path: str = text("a file, a folder or a pattern such as data/*.parquet", path=True)
    columns: Columns = field(default_factory=Columns)
    format: str = choice("parquet", "jsonl", "hf-disk", default="parquet")  # hf-disk: what `save_to_disk` wrote
    split: str | None = text("a split's name", null=True, default=None)  # of hf-disk data with several
    # only rows whose column has this text
    where: dict[str, str] = field(default_factory=dict, metadata={RULE: MAPPING})
    # what the answer column holds; letter and index count the choices (A or 0 is the first)
    answer_form: str = choice("text", "letter", "index", default="text")
    answer_map: dict[str, str] = field(default_factory=dict, metadata={RULE: MAPPING})  # such as "1": "yes"
    several_answers: str = choice("error", "any", default="error")  # any: each of a list of answers is right
    judging: str = choice("exact", "option", "relaxed", "judge", default="exact")  # judging/rules.py
    own: str = field(
        default="{question}\n{choices}\nAnswer with a single word, number or option letter.", metadata={RULE: LONG_TEXT}
    )
    own_open: str | None = field(default=None, metadata={RULE: OPEN_TEXT})  # of items without choices; null: `own`
    items: int | None = whole(1, also=(None,), default=None)  # that the published set has; another number is said
    # what to know before reading the number
    catch: str = field(default="", metadata={RULE: NOTE})
    # how a user gets the data; printed where it is missing, never run
    get: str = field(default="", metadata={RULE: NOTE})


@dataclass(frozen=True)
class Pixels:
    """Size policy, sent with every picture. Pixels of a whole picture."""

    min: int = whole(1, default=3136)
    max: int = whole(1, default=1_073_296)


@dataclass(frozen=True)
class Judge:
    """A model at an OpenAI-compatible address for what rules cannot decide; `address` null: there is none."""

    address: str | None = field(default=None, metadata={RULE: ADDRESS})
    model: str | None = text("a model's name", null=True, default=None)  # null: the first that the address serves
    prompt: str | None = field(default=None, metadata={RULE: JUDGE_TEXT})  # null: judging/judge.py
    max_tokens: int = whole(1, 8192, default=16)
    # share of the answers that rules did decide which the judge sees as well, to print how often both agree
    check_share: float = number(0, 1, default=0.02)


@dataclass(frozen=True)
class Suite:
    """Settings of an evaluation."""

    name: str = text("a name without blanks or slashes")
    benchmarks: list[Benchmark] = field(default_factory=list)
    prompt: str = choice("training", "own", default="training")  # the Solver's prompt, or each benchmark's own
    template: str = text("full, tiny or a text file", default="full")  # of the training prompt
    seed: int = whole(0, 2**31 - 1, default=0)
    samples: int = whole(1, 1024, default=1)  # answers to each item
    temperature: float = number(0, 10, default=0.0)
    top_p: float = number(above=0, most=1, default=1.0)
    top_k: int = whole(1, also=(-1, 0), default=-1)  # -1 and 0: off
    max_tokens: int = whole(1, 1 << 20, default=4096)  # of an answer, its thoughts included
    pixels: Pixels = field(default_factory=Pixels)
    blind: bool = flag(default=False)  # also ask the first checkpoint without pictures
    judge: Judge = field(default_factory=Judge)

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        return asdict(self)


def load(name: str, data: Path | None = None, changes: Mapping[str, Any] | None = None) -> Suite:
    """A shipped suite by name, or a YAML file.

    Args:
        data: folder that relative paths of data start from; None: the file's, the current one for a shipped suite.
        changes: keys that replace the file's (the command line's options); those of `judge` one by one.
    Raises:
        EvaluationError: unknown, not YAML, or a value outside its range; one line.
    """
    plain, root = _plain(name)
    chosen = plain.pop("only", [])
    changes, judge = dict(changes or {}), plain.get("judge", {})
    if "judge" in changes and isinstance(judge, Mapping):
        changes["judge"] = {**judge, **changes["judge"]}
    suite = _typed(Suite, plain | changes, f"suite {name}", "")
    if not items_rule(text_rule()).accepts(chosen):
        raise EvaluationError(f"suite {name}: 'only' is a list of benchmarks, got {shown(chosen)}")
    return _checked(only(suite, chosen), (data or root).absolute(), root.absolute(), name)


def _plain(name: str) -> tuple[dict[str, Any], Path]:
    """(keys and values of a suite and of the one that it is `from`, folder of its file; the current one if shipped)."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            content, root = path.read_text(encoding="utf-8"), path.parent
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluationError(f"suite {name}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    elif name in shipped():
        content = resources.files("recipe.mmzero.config").joinpath("eval", f"{name}.yaml").read_text(encoding="utf-8")
        root = Path()
    else:
        hint = did_you_mean(name, shipped())
        raise EvaluationError(f"no suite '{name}'{hint}; one of {', '.join(shipped())}, or a file NAME.yaml")
    try:
        plain = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise EvaluationError(f"suite {name} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(plain, Mapping):
        raise EvaluationError(f"suite {name}: expected keys and values, got {shown(plain)}")
    plain = dict(plain)
    parent = plain.pop("from", None)
    if parent is None:
        return plain, root
    if parent not in shipped():
        raise EvaluationError(
            f"suite {name}: 'from' names a shipped suite ({', '.join(shipped())}), got {shown(parent)}"
        )
    return _plain(parent)[0] | plain, root


def shipped() -> list[str]:
    """Names of the suites that come with the package."""
    folder = resources.files("recipe.mmzero.config").joinpath("eval")
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def _typed(cls: type, plain: Any, where: str, prefix: str) -> Any:
    """An instance of a settings class from plain data."""
    if not isinstance(plain, Mapping):
        raise EvaluationError(f"{where}: '{prefix.rstrip('.')}' is a block of settings, got {shown(plain)}")
    names = [item.name for item in fields(cls)]
    for key in plain:
        if key not in names:
            raise EvaluationError(f"{where}: unknown key '{prefix}{key}'{did_you_mean(str(key), names)}")
    values: dict[str, Any] = {}
    for item in fields(cls):
        dotted = f"{prefix}{item.name}"
        if item.name == "benchmarks":
            values[item.name] = _benchmarks(plain.get("benchmarks"), where)
        elif is_dataclass(item.type):
            values[item.name] = _typed(item.type, plain.get(item.name, {}), where, f"{dotted}.")
        elif item.name in plain and not (plain[item.name] is None and _optional_mapping(item)):
            problem = item.metadata[RULE].problem(f"'{dotted}'", plain[item.name])
            if problem:
                raise EvaluationError(f"{where}: {problem}")
            values[item.name] = plain[item.name]
        elif item.default == REQUIRED:
            raise EvaluationError(f"{where}: '{dotted}' has no value; it is {item.metadata[RULE].says}")
    return cls(**values)


def _optional_mapping(item: Any) -> bool:
    return item.metadata[RULE] is MAPPING or type(None) in get_args(item.type)


def _benchmarks(plain: Any, where: str) -> list[Benchmark]:
    if not isinstance(plain, list) or not plain:
        raise EvaluationError(f"{where}: 'benchmarks' is a list of at least one benchmark, got {shown(plain)}")
    return [_typed(Benchmark, one, where, f"benchmarks[{k}].") for k, one in enumerate(plain)]


def _checked(suite: Suite, data: Path, root: Path, name: str) -> Suite:
    """Names that are file names, no benchmark twice, sizes in order, a readable template; paths made absolute: those of
    data start from `data`, the template's from `root`."""
    names = [suite.name, *(one.name for one in suite.benchmarks)]
    for one in names:
        if not all(c.isalnum() or c in "._-" for c in one):
            raise EvaluationError(f"suite {name}: '{one}' has characters beyond letters, digits and . _ -")
    for one in names[1:]:
        if names[1:].count(one) > 1:
            raise EvaluationError(f"suite {name}: two benchmarks are named '{one}'")
        if one in (POOLED, AVERAGE):
            raise EvaluationError(f"suite {name}: no benchmark can be named '{one}': a row of the results is")
    low, high = suite.pixels.min, suite.pixels.max
    if low > high:
        raise EvaluationError(f"suite {name}: pixels.min={low} is larger than pixels.max={high}")
    for one in suite.benchmarks:
        if one.answer_form != "text" and one.judging != "option":
            raise EvaluationError(f"suite {name}: {one.name}: answer_form={one.answer_form} needs judging=option")
    moved = [replace(one, path=str(data / os.path.expanduser(one.path))) for one in suite.benchmarks]
    template = suite.template
    if template not in ("full", "tiny"):
        template = str(root / os.path.expanduser(template))
    suite = replace(suite, benchmarks=moved, template=template)
    solver_templates(suite)
    return suite


def only(suite: Suite, names: list[str]) -> Suite:
    """The suite with these benchmarks only.

    Raises:
        EvaluationError: it has none of that name.
    """
    known = [one.name for one in suite.benchmarks]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise EvaluationError(f"suite {suite.name} has no benchmark '{name}'{hint}; it has {', '.join(known)}")
    return replace(suite, benchmarks=[one for one in suite.benchmarks if not names or one.name in names])


def solver_templates(suite: Suite) -> PromptTemplates:
    """The training prompts that the suite names.

    Raises:
        EvaluationError: its file cannot be read or has no {question}.
    """
    from recipe.mmzero.tiny import prompts as tiny

    if suite.template == "tiny":
        return PromptTemplates(**tiny.as_dict())
    try:
        if suite.template == "full":
            solver = resources.files("recipe.mmzero.config").joinpath("prompts", "solver.txt").read_text("utf-8")
        else:
            solver = Path(suite.template).read_text(encoding="utf-8")
        return PromptTemplates.from_dict({"solver": solver.strip()})
    except (OSError, UnicodeDecodeError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
        raise EvaluationError(f"template {suite.template} {reason}; name full, tiny or a text file") from None
    except ValueError as error:
        raise EvaluationError(f"template {suite.template}: {error}") from None
