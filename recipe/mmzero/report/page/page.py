"""report.html: one file with everything in it, from the templates beside this module.

Texts of models reach the page in two ways only: as JSON data, where `<` is written `\\u003c`, and through html.escape.
The page's own policy (Content-Security-Policy) forbids every request and every script but ours, which it names by hash.
"""

import base64
import hashlib
import html
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from recipe.mmzero.report.data.final import HEADS, MEANING, HeldOut, StageRow, cells, reasons
from recipe.mmzero.report.data.overview import COLUMNS, Column, Cost, show, state_of
from recipe.mmzero.report.data.read import TITLES, Run
from recipe.mmzero.report.data.stats import Number
from recipe.mmzero.report.output import GENERATOR
from recipe.mmzero.report.page.gallery import Gallery
from recipe.mmzero.report.page.pictures import Album
from recipe.mmzero.settings.text import clock

SCRIPTS = ("dom.js", "highlight.js", "sample.js", "gallery.js")
TILES = ("render", "solvability", "difficulty", "entropy", "leak", "solver_rows")
Figures = Sequence[tuple[str, str, bytes, bytes]]
"""(file name, what it shows, PNG on light, PNG on dark)."""


def page(
    run: Run,
    rows: Mapping[int, Mapping[str, Number | None]],
    stages: Sequence[StageRow],
    accuracies: Sequence[HeldOut],
    alarms: Iterable[Mapping[str, Any]],
    costs: Sequence[Cost],
    figures: Figures,
    shown: Gallery,
    album: Album,
) -> str:
    """The whole page as text."""
    roles = list(dict.fromkeys(record["role"] for record in shown.index))
    left_out = shown.total - len(shown.index)
    facts = ["every sample of the run is here"]
    if left_out:
        facts = [f"{len(shown.index):,} of {shown.total:,} are here, the most telling ones, to keep this page small"]
    if album.left_out:
        facts.append(f"{album.left_out:,} pictures left out for the same reason")
    body = {
        "RUN": escape(run.name),
        "FACTS": _facts(run),
        "ALARMS": alarm_list(alarms),
        "TILES": _tiles(rows),
        "TABLE": table(rows),
        "STAGES": stage_table(stages) + held_out_list(accuracies),
        "FIGURES": figure_list(figures),
        "COSTS": cost_table(costs),
        "SKIPPED": skip_list(run.skips.lines()),
        "SHOWN": escape("; ".join(facts)),
        "DATA": as_json({"samples": shown.index, "roles": roles, "titles": TITLES}),
        "PICTURES": as_json(album.data),
        "BLOCKS": "".join(
            f'<script type="text/plain" id="block-{k}">{block}</script>\n' for k, block in enumerate(shown.blocks)
        ),
    }
    return fill("report.html", body, SCRIPTS)


def fill(name: str, parts: Mapping[str, str], scripts: Sequence[str]) -> str:
    """A template with its {{MARKS}} replaced in one pass, so that a mark inside a text stays a text."""
    folder = resources.files("recipe.mmzero.report.page").joinpath("template")

    def read(file: str) -> str:
        return folder.joinpath(file).read_text("utf-8")

    script = (
        '"use strict";\n(function () {\n' + "\n".join(read(file) for file in scripts) + "})();\n" if scripts else ""
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    known = {"GENERATOR": GENERATOR, "STYLE": read("report.css"), "SCRIPT": script, "POLICY": policy} | dict(parts)
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda mark: known[mark[1]], read(name))


def escape(value: Any) -> str:
    """Any value as HTML text; also safe inside quoted attributes."""
    return html.escape(str(value).encode("utf-8", "replace").decode(), quote=True)


def as_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in.

    >>> as_json("</script>")
    '"\\\\u003c/script>"'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def alarm_list(alarms: Iterable[Mapping[str, Any]]) -> str:
    """The alarms as a list, or one line that there are none."""
    items = [
        f'<li><span class="where">{escape(alarm.get("step_id", "?"))}</span> <b>{escape(alarm.get("rule", "?"))}</b> '
        f"{escape(alarm.get('sentence', ''))} <code>{escape(alarm.get('key', ''))} = "
        f"{escape(alarm.get('threshold', ''))}</code></li>"
        for alarm in alarms
    ]
    if not items:
        return '<div class="alarms calm"><h2>No alarms</h2><p>No number crossed its threshold.</p></div>'
    words = "1 alarm" if len(items) == 1 else f"{len(items)} alarms"
    opened = " open" if len(items) <= 4 else ""
    return (
        f'<details class="alarms"{opened}><summary><h2>{words}</h2></summary><ul>' + "".join(items) + "</ul></details>"
    )


def table(rows: Mapping[Any, Mapping[str, Number | None]], heading: str = "iteration") -> str:
    """Rows of numbers with their intervals; columns without any number are left out."""
    columns = [column for column in COLUMNS if any(row.get(column.key) for row in rows.values())]
    if not columns:
        return '<p class="empty">No finished step yet.</p>'
    head = "".join(f'<th scope="col">{escape(column.title)}</th>' for column in columns)
    lines = []
    for name, row in rows.items():
        cells = "".join(_cell(row.get(column.key), column) for column in columns)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="numbers"><table><thead><tr><th scope="col">'
        f"{escape(heading)}</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def stage_table(rows: Sequence[StageRow]) -> str:
    """The final table (final.py): the same numbers as on the terminal, reasons for rejection in the last column."""
    if not rows:
        return '<p class="empty">No finished step yet.</p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in HEADS[2:])
    lines = []
    for row in rows:
        shown = "".join(f"<td>{_typeset(cell)}</td>" for cell in cells(row)[2:])
        name = f"{row.iteration} {escape(row.title)}"
        lines.append(f'<tr><th scope="row">{name}</th>{shown}<td class="words">{escape(reasons(row))}</td></tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="stages"><table><thead><tr>'
        + f'<th scope="col">stage</th>{head}<th scope="col" class="words">rejected</th></tr></thead>'
        + f'<tbody>{"".join(lines)}</tbody></table></div><p class="note">{_typeset(MEANING)}</p>'
    )


def _typeset(text: str) -> str:
    return "–" if text == "-" else escape(text.replace("->", "→"))


def held_out_list(accuracies: Sequence[HeldOut]) -> str:
    """Solver accuracy on held-out scenes with true labels, before and after the run; nothing where not measured."""
    if not accuracies:
        return ""
    lines = "".join(
        f'<tr><th scope="row">{escape(one.kind)}</th><td>{escape(one.cell("before"))}</td>'
        f"<td>{escape(one.cell('after'))}</td><td>{one.items} x {one.samples}</td></tr>"
        for one in accuracies
    )
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Solver accuracy", "before", "after", "items x samples")
    )
    return (
        "<h2>Solver accuracy on held-out scenes</h2>"
        '<div class="scroll" tabindex="0" role="region" aria-label="held-out"><table class="small">'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def figure_list(figures: Figures) -> str:
    """Figures inside the page, each in the colours of the reader's scheme."""
    shown = []
    for name, caption, light, dark in figures:
        data = [f"data:image/png;base64,{base64.b64encode(png).decode()}" for png in (light, dark)]
        shown.append(
            f'<figure id="figure-{escape(name)}"><div class="scroll" tabindex="0" role="region" '
            f'aria-label="{escape(name)}"><picture><source media="(prefers-color-scheme: dark)" srcset="{data[1]}">'
            f'<img src="{data[0]}" alt="{escape(caption)}"></picture></div>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    return "".join(shown)


def cost_table(costs: Sequence[Cost]) -> str:
    """Wall time, GPU hours, tokens and drawings per step."""
    if not costs:
        return '<p class="empty">No step yet.</p>'
    lines = []
    for cost in costs:
        name = TITLES.get(cost.step.name, cost.step.name)
        cells = "".join(
            f"<td>{text}</td>"
            for text in (clock(cost.wall_s), amount(cost.gpu_h, 2), amount(cost.tokens), amount(cost.renders))
        )
        lines.append(f'<tr><th scope="row">{cost.step.iteration} {escape(name)}</th>{cells}</tr>')
    total = [sum(values) if (values := [v for v in column if v is not None]) else None for column in _columns(costs)]
    foot = "".join(f"<td>{text}</td>" for text in (clock(total[0]), amount(total[1], 2), *map(amount, total[2:])))
    heads = ("step", "wall time", "GPU hours", "tokens trained on", "drawings")
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="cost"><table><thead><tr>'
        + "".join(f'<th scope="col">{head}</th>' for head in heads)
        + f"</tr></thead><tbody>{''.join(lines)}</tbody>"
        + f'<tfoot><tr><th scope="row">all</th>{foot}</tr></tfoot></table></div>'
    )


def _columns(costs: Sequence[Cost]) -> tuple[list[float | None], ...]:
    return (
        [cost.wall_s for cost in costs],
        [cost.gpu_h for cost in costs],
        [cost.tokens for cost in costs],
        [cost.renders for cost in costs],
    )


def skip_list(lines: Sequence[str]) -> str:
    if not lines:
        return "<p>Every record was read.</p>"
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def amount(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _facts(run: Run) -> str:
    model = run.setting("model.name") or run.setting("model.path")
    facts = [
        ("state", state_of(run)),
        ("model", model),
        ("hardware", run.setting("hardware.name")),
        ("seed", run.setting("seed")),
        ("made", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
    ]
    return "".join(
        f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts if value not in (None, "")
    )


def _cell(number: Number | None, column: Column) -> str:
    value, interval = show(number, column)
    note = f"<small>{escape(interval)}</small>" if interval else ""
    return f"<td>{escape(value)}{note}</td>"


def _tiles(rows: Mapping[int, Mapping[str, Number | None]]) -> str:
    """The latest value of the headline numbers, with the first one for comparison."""
    tiles = []
    for column in (c for c in COLUMNS if c.key in TILES):
        known = [(i, row[column.key]) for i, row in rows.items() if row.get(column.key) is not None]
        if not known:
            continue
        value, interval = show(known[-1][1], column)
        then = f"it {known[0][0]}: {show(known[0][1], column)[0]}" if len(known) > 1 else interval
        tiles.append(
            f'<div class="tile"><dt>{escape(column.title)}</dt><dd>{escape(value)}</dd>'
            f'<dd class="then">{escape(then)}</dd></div>'
        )
    return "".join(tiles)
