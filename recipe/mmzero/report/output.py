"""The files of a report and the rule that nothing else is replaced.

A report is `report.html`, `figures/*.png` and a card in Markdown. Only a report of ours may be replaced by a newer one;
it is known by the `generator` that stands in its page.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmzero_env.process.replace import write
from recipe.mmzero.report.data.read import ReportError
from recipe.mmzero.settings.folder import RunFolder

GENERATOR = '<meta name="generator" content="mmzero report">'
EARLIER = "· mmzero report</title>"
"""How pages made before there was a generator are known."""
HEAD_BYTES = 64 * 1024


class Output:
    """A folder that a report is written into.

    Args:
        folder: need not exist yet.
        compares: the card is that of a comparison, not of a run.
        figures: names without `.png`.
    Raises:
        ReportError: one of the report's files exists and is not ours.
    """

    def __init__(self, folder: Path, figures: Iterable[str], compares: bool = False):
        files = RunFolder(folder)
        self._page, self._card = files.report, files.comparison_card if compares else files.card
        self._figures = {name: files.figures / f"{name}.png" for name in figures}
        found = next(
            (path for path in (self._page, self._card, *self._figures.values()) if os.path.lexists(path)), None
        )
        if found is not None and not _ours(self._page):
            raise ReportError(f"{found} is not of a report; move it away or choose another folder with --out")

    def write(self, page: str, card: str, figures: Mapping[str, bytes]) -> Path:
        """Write the report, the page first: an interrupted one is still known as ours. Returns the page."""
        self._page.parent.mkdir(parents=True, exist_ok=True)
        write(self._page, page)
        for name, png in figures.items():
            self._figures[name].parent.mkdir(exist_ok=True)
            write(self._figures[name], png)
        write(self._card, card)
        return self._page


def _ours(page: Path) -> bool:
    try:
        with page.open("rb") as source:
            head = source.read(HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    return GENERATOR in head or EARLIER in head
