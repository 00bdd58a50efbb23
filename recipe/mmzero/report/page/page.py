"""report.html: one file with everything in it, from the templates beside this module.

Texts of models reach the page in two ways only: as JSON data, where `<` is written `\\u003c`, and through html.escape.
The page's own policy (Content-Security-Policy) forbids every request and every script but ours, which it names by hash.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from recipe.mmzero.report.data.costs import Cost
from recipe.mmzero.report.data.evaluated import EvaluatedRow
from recipe.mmzero.report.data.final import StageRow
from recipe.mmzero.report.data.overview import COLUMNS, show, state_of
from recipe.mmzero.report.data.read import TITLES, Run
from recipe.mmzero.report.data.stats import Number
from recipe.mmzero.report.data.truth import Rates
from recipe.mmzero.report.output import GENERATOR
from recipe.mmzero.report.page.gallery import Gallery
from recipe.mmzero.report.page.pictures import Album
from recipe.mmzero.report.page.tables import (
    Figures,
    alarm_list,
    cost_table,
    escape,
    evaluation_table,
    figure_list,
    skip_list,
    stage_table,
    table,
    truth_table,
    version_list,
)

SCRIPTS = ("dom.js", "highlight.js", "sample.js", "gallery.js")
TILES = ("render", "solvability", "difficulty", "entropy", "leak", "solver_rows")


def page(
    run: Run,
    rows: Mapping[int, Mapping[str, Number | None]],
    stages: Sequence[StageRow],
    points: Sequence[Rates],
    alarms: Iterable[Mapping[str, Any]],
    costs: Sequence[Cost],
    figures: Figures,
    shown: Gallery,
    album: Album,
    evaluated: Sequence[EvaluatedRow] = (),
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
        "KIND": "report",
        "TITLE": escape(run.name),
        "FACTS": _facts(run),
        "ALARMS": alarm_list(alarms),
        "TILES": _tiles(rows),
        "TABLE": table(rows),
        "STAGES": stage_table(stages) + truth_table(points) + evaluation_table(evaluated),
        "FIGURES": figure_list(figures),
        "COSTS": cost_table(costs),
        "VERSIONS": version_list(run),
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
    text = read(name).replace("{{HEAD}}", read("head.html"))
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda mark: known[mark[1]], text)


def as_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in.

    >>> as_json("</script>")
    '"\\\\u003c/script>"'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


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
