"""The tables and lists of a page as HTML. Every text goes through `escape`."""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recipe.mmzero.report.data import final
from recipe.mmzero.report.data.costs import HEADS, Cost, total
from recipe.mmzero.report.data.evaluated import HEADS as EVALUATED_HEADS
from recipe.mmzero.report.data.evaluated import MEANING as EVALUATED_MEANING
from recipe.mmzero.report.data.evaluated import EvaluatedRow
from recipe.mmzero.report.data.final import StageRow
from recipe.mmzero.report.data.overview import COLUMNS, Column, show
from recipe.mmzero.report.data.read import Run
from recipe.mmzero.report.data.stats import Number
from recipe.mmzero.report.data.truth import Rates, asked, shown
from recipe.mmzero.report.data.truth import cells as rate_cells
from recipe.mmzero.report.data.versions import listed, versions

Figures = Sequence[tuple[str, str, bytes, bytes]]
"""(file name, what it shows, PNG on light, PNG on dark)."""


def escape(value: Any) -> str:
    """Any value as HTML text; also safe inside quoted attributes."""
    return html.escape(str(value).encode("utf-8", "replace").decode(), quote=True)


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
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in final.HEADS[2:])
    lines = []
    for row in rows:
        shown = "".join(f"<td>{_typeset(cell)}</td>" for cell in final.cells(row)[2:])
        name = f"{row.iteration} {escape(row.title)}"
        lines.append(f'<tr><th scope="row">{name}</th>{shown}<td class="words">{escape(final.reasons(row))}</td></tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="stages"><table><thead><tr>'
        + f'<th scope="col">stage</th>{head}<th scope="col" class="words">rejected</th></tr></thead>'
        + f'<tbody>{"".join(lines)}</tbody></table></div><p class="note">{_typeset(final.MEANING)}</p>'
    )


def _typeset(text: str) -> str:
    return "–" if text == "-" else escape(text.replace("->", "→"))


def truth_table(points: Sequence[Rates]) -> str:
    """Rates of the checkpoints on held-out items and truth of the rows; nothing where not measured."""
    if not points:
        return ""
    points = shown(points)
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in (*(p.title for p in points), "last - first"))
    lines = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{_typeset(cell)}</td>" for cell in (*means, change or "-"))
        + "</tr>"
        for label, means, change in rate_cells(points)
    )
    return (
        "<h2>Truth</h2>"
        '<div class="scroll" tabindex="0" role="region" aria-label="truth"><table class="small">'
        f'<thead><tr><th scope="col">share</th>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
        f'<p class="note">{escape(asked(points))}; the change of rows is to those of the first iteration</p>'
    )


def evaluation_table(rows: Sequence[EvaluatedRow]) -> str:
    """Benchmarks of checkpoints by iteration; nothing where no evaluation was given."""
    if not rows:
        return ""
    lines = "".join(
        f'<tr><th scope="row">{escape(row.cells[0])}</th>'
        + "".join(f"<td>{_typeset(cell)}</td>" for cell in row.cells[1:])
        + "</tr>"
        for row in rows
    )
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in EVALUATED_HEADS)
    return (
        "<h2>Benchmarks</h2>"
        '<div class="scroll" tabindex="0" role="region" aria-label="benchmarks"><table class="small">'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
        f'<p class="note">{escape(EVALUATED_MEANING)}</p>'
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

    def row(cost: Cost) -> str:
        name, *cells = cost.cells()
        return f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'

    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="cost"><table><thead><tr>'
        + "".join(f'<th scope="col">{head}</th>' for head in HEADS)
        + f"</tr></thead><tbody>{''.join(map(row, costs))}</tbody>"
        + f"<tfoot>{row(total(costs))}</tfoot></table></div>"
    )


def version_list(run: Run) -> str:
    """Package versions; by steps where they differ."""
    entries = "".join(
        f"<li>{f'<b>{escape(steps)}</b>: ' if steps else ''}{escape(listed(known))}</li>"
        for steps, known in versions(run)
    )
    return f"<ul>{entries}</ul>"


def skip_list(lines: Sequence[str]) -> str:
    if not lines:
        return "<p>Every record was read.</p>"
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _cell(number: Number | None, column: Column) -> str:
    value, interval = show(number, column)
    note = f"<small>{escape(interval)}</small>" if interval else ""
    return f"<td>{escape(value)}{note}</td>"
