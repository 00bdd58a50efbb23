"""The files of a report and the rule that nothing else is replaced.

A report is `report.html`, `figures/*.png` and a card in Markdown. Only a report of ours may be replaced by a newer one;
it is known by the `generator` that stands in its page.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from recipe.mmzero.report.data.read import ReportError

PAGE, FIGURES = "report.html", "figures"
RUN_CARD, COMPARISON_CARD = "RUN.md", "COMPARISON.md"
GENERATOR = '<meta name="generator" content="mmzero report">'
EARLIER = "· mmzero report</title>"
"""How pages made before there was a generator are known."""
HEAD_BYTES = 64 * 1024


class Output:
    """A folder that a report is written into.

    Args:
        folder: need not exist yet.
        card: RUN_CARD or COMPARISON_CARD.
        figures: names without `.png`.
    Raises:
        ReportError: one of the report's files exists and is not ours.
    """

    def __init__(self, folder: Path, card: str, figures: Iterable[str]):
        self.folder, self.card = folder, card
        names = [PAGE, card, *(f"{FIGURES}/{name}.png" for name in figures)]
        found = next((folder / name for name in names if os.path.lexists(folder / name)), None)
        if found is not None and not _ours(folder / PAGE):
            raise ReportError(f"{found} is not of a report; move it away or choose another folder with --out")

    def write(self, page: str, card: str, figures: Mapping[str, bytes]) -> Path:
        """Write the report, the page first: an interrupted one is still known as ours. Returns the page."""
        (self.folder / FIGURES).mkdir(parents=True, exist_ok=True)
        _replace(self.folder / PAGE, page.encode())
        for name, png in figures.items():
            _replace(self.folder / FIGURES / f"{name}.png", png)
        _replace(self.folder / self.card, card.encode())
        return self.folder / PAGE


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in one rename."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _ours(page: Path) -> bool:
    try:
        with page.open("rb") as source:
            head = source.read(HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    return GENERATOR in head or EARLIER in head
