"""The run card, RUN.md of a run folder: what ran, with which settings; results, cost, alarms, how to repeat.

Everything comes from the run folder; what it does not say is left out or called unknown. The config diff compares
config.yaml with the default composition of this installation.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recipe.mmzero.report.data import final, forecasts
from recipe.mmzero.report.data.costs import HEADS, Cost, total
from recipe.mmzero.report.data.evaluated import HEADS as EVALUATED_HEADS
from recipe.mmzero.report.data.evaluated import MEANING as EVALUATED_MEANING
from recipe.mmzero.report.data.evaluated import EvaluatedRow
from recipe.mmzero.report.data.final import StageRow
from recipe.mmzero.report.data.overview import COLUMNS, show, state_of
from recipe.mmzero.report.data.read import Run
from recipe.mmzero.report.data.stats import Number
from recipe.mmzero.report.data.truth import Rates, asked, shown
from recipe.mmzero.report.data.truth import cells as rate_cells
from recipe.mmzero.report.data.versions import listed, versions


def card(
    run: Run,
    rows: Mapping[int, Mapping[str, Number | None]],
    stages: Sequence[StageRow],
    points: Sequence[Rates],
    alarms: Sequence[Mapping[str, Any]],
    costs: Sequence[Cost],
    figures: Iterable[tuple[str, str]],
    evaluated: Sequence[EvaluatedRow] = (),
) -> str:
    """The card as Markdown; `figures` are (file name, caption)."""
    changes, note = config_changes(run)
    parts = [
        f"# {_text(run.name)}",
        f"An MM-Zero run: {state_of(run)}. `report.html` beside this file shows pictures, samples and figures.",
        "## What ran",
        _what(run),
        "## Results",
        results(rows),
        "## Stages",
        _stages(stages),
        _truth(points),
        *([_evaluated(evaluated)] if evaluated else []),
        "## Alarms",
        "\n".join(
            f"* **{_text(a.get('step_id'))}, {_text(a.get('rule'))}**: {_text(a.get('sentence'))}" for a in alarms
        )
        or "None.",
        "## Cost",
        _cost(costs),
        "## Time predicted and measured",
        _predicted(run),
        "## Settings that differ from the default",
        note or "\n".join(f"* `{key}`: {_value(new)} (default {_value(old)})" for key, old, new in changes) or "None.",
        "## Reproduce",
        _reproduce(run, [] if note else changes),
        "## Figures",
        "\n".join(f"* [{name}](figures/{name}.png): {_text(caption)}" for name, caption in figures),
    ]
    if run.skips.counts:
        parts += ["## Records left out", "\n".join(f"* {_text(line)}" for line in run.skips.lines())]
    return "\n\n".join(parts) + "\n"


def results(rows: Mapping[Any, Mapping[str, Number | None]], heading: str = "iteration") -> str:
    """One line per iteration (or run), with 95% intervals in brackets."""
    columns = [column for column in COLUMNS if any(row.get(column.key) for row in rows.values())]
    if not columns:
        return "No finished step yet."
    lines = [f"| {heading} | " + " | ".join(column.title for column in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name, row in rows.items():
        cells = []
        for column in columns:
            value, interval = show(row.get(column.key), column)
            cells.append(f"{value} ({interval})" if interval else value)
        lines.append(f"| {_text(name)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _stages(rows: Sequence[StageRow]) -> str:
    if not rows:
        return "No finished step yet."
    heads = (*final.HEADS, "rejected")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join([*final.cells(row), _text(final.reasons(row))]) + " |" for row in rows]
    return "\n".join(lines) + f"\n\n{final.MEANING}"


def _evaluated(rows: Sequence[EvaluatedRow]) -> str:
    """Benchmarks of checkpoints by iteration, as a table."""
    heads, rule = " | ".join(EVALUATED_HEADS), "|".join("---" for _ in EVALUATED_HEADS)
    lines = "\n".join("| " + " | ".join(_text(cell) for cell in row.cells) + " |" for row in rows)
    return f"### Benchmarks\n\n| {heads} |\n|{rule}|\n{lines}\n\n{EVALUATED_MEANING}"


def _truth(points: Sequence[Rates]) -> str:
    """Rates of the checkpoints on held-out items, and the truth of the rows, as a table."""
    if not points:
        return "Truth on held-out scenes: not measured (no held_out.json)."
    points = shown(points)
    heads = ["share", *(point.title for point in points), "last - first"]
    lines = [[_text(label), *means, _text(change)] for label, means, change in rate_cells(points)]
    rows = "\n".join("| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *lines))
    return f"### Truth\n\n{rows}\n\n{asked(points)}; the change of rows is to those of the first iteration."


def config_changes(run: Run) -> tuple[list[tuple[str, Any, Any]], str]:
    """(key, default, value) for every setting that differs; or a note why they cannot be compared."""
    if not run.config:
        return [], "Unknown: the run folder has no config.yaml."
    from omegaconf import OmegaConf

    from recipe.mmzero.settings import schema

    try:
        standard = OmegaConf.to_container(schema.load(), resolve=True)
    except schema.ConfigError as error:
        return [], f"Unknown: the default configuration of this installation does not load ({_text(error)})."
    old, new = flat(standard), flat(run.config)
    missing = object()
    changes = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, missing), new.get(key, missing)
        if before != after and key != "run_dir":
            changes.append((key, None if before is missing else before, None if after is missing else after))
    return changes, ""


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys.

    >>> flat({"a": {"b": 1}, "c": [2]})
    {'a.b': 1, 'c': [2]}
    """
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict) and value:
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def _what(run: Run) -> str:
    lines = [
        f"* model: {_value(run.setting('model.name'))} ({_value(run.setting('model.path'))})",
        f"* hardware profile: {_value(run.setting('hardware.name'))}",
        f"* seed: {_value(run.setting('seed'))}; every other seed derives from it",
        f"* iterations: {_value(run.setting('evolution.iterations'))}; "
        f"GRPO steps per stage: {_value(run.setting('stage.steps'))}",
    ]
    lines += [
        f"* versions{f' ({_text(steps)})' if steps else ''}: {_text(listed(known))}" for steps, known in versions(run)
    ]
    return "\n".join(lines)


def _cost(costs: Sequence[Cost]) -> str:
    if not costs:
        return "No finished step yet."
    rows = [HEADS, ["---"] * len(HEADS), *(cost.cells() for cost in (*costs, total(costs)))]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _predicted(run: Run) -> str:
    """What `mmzero plan`'s arithmetic said of each step before it started."""
    found = forecasts.pairs(run)
    if not found:
        return "Nothing was predicted: the run folder has no forecast.json."
    rows = [forecasts.HEADS, ["---"] * len(forecasts.HEADS), *([_text(cell) for cell in one.cells()] for one in found)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _reproduce(run: Run, changes: Sequence[tuple[str, Any, Any]]) -> str:
    text = (
        "`config.yaml` in this folder is the complete, resolved configuration. With the versions above, these settings "
        "over the defaults give the same one:"
    )
    settings = [f"  '{key}={_override(new)}'" for key, _, new in changes if new is not None]
    command = " \\\n".join(["mmzero run", "  run_dir=runs/again", *settings])
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in command.split("\n") if set(ticks) == {"`"}), default=0))
    return f"{text}\n\n{fence}bash\n{command}\n{fence}"


def _override(value: Any) -> str:
    """A value in Hydra's override grammar."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ",".join(_override(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_override(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        plain = value.replace("_", "").replace("/", "").replace(".", "").replace("-", "").isalnum()
        return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "'\\''") + '"'
    return str(value)


def _value(value: Any) -> str:
    return "unknown" if value is None else f"`{_text(value)}`" if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    """One line of Markdown without markup of its own."""
    line = " ".join(str(value).split())[:300]
    for character in "\\`*_[]<>|":
        line = line.replace(character, "\\" + character) if character not in "_`" else line
    return line.replace("`", "'")
