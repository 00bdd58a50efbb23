"""The rows of a collection as it decided them: proposals.parquet with their drawings and what was judged of them.

The shards beside those files are no source: they also hold rows beyond the cut and rows that were drawn anew. A
collection that has not decided yet has no rows here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe.mmzero.report.data.read import Skips
from recipe.mmzero.settings.folder import StepFolder

BATCH = 64
Row = dict[str, Any]


def rows(folder: Path, skips: Skips) -> Iterator[Row]:
    """Rows in their order: the columns of proposals.parquet; `drawings`, its rows of drawings.parquet; `judged`, its
    row of labels.parquet, absent where the Solver was not asked.
    """
    files = StepFolder(folder)
    if not files.proposals.exists():
        return
    drawings, judged = _Beside(files.drawings, skips), _Beside(files.labels, skips)
    if folder.name == "collect_solver" and not files.labels.exists():
        skips.add(f"collection without {files.labels.name}: its answers are not counted", files.id)
    for row in _read(files.proposals, skips):
        identity = str(row.get("proposal_id"))
        row["drawings"] = drawings.of(identity)
        for one in judged.of(identity):
            row["judged"] = one
        yield row


class _Beside:
    """A table in the order of the proposals, read along with them: any number of rows per proposal."""

    def __init__(self, path: Path, skips: Skips):
        self._rows, self._skips, self._name = _read(path, skips), skips, path.name
        self._next = next(self._rows, None)

    def of(self, identity: str) -> list[Row]:
        """The rows of one proposal. Ids ascend in both files."""
        found = []
        while self._next is not None and str(self._next.get("proposal_id")) <= identity:
            if str(self._next.get("proposal_id")) == identity:
                found.append(self._next)
            else:
                self._skips.add("row of a proposal that is not there", self._name)
            self._next = next(self._rows, None)
        return found


def _read(path: Path, skips: Skips) -> Iterator[Row]:
    """Rows of a parquet file; none of a missing one, those before the damage of a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return
    try:
        with path.open("rb") as file, pq.ParquetFile(file) as source:  # pyarrow opens only names that are UTF-8
            for batch in source.iter_batches(BATCH):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        skips.add("file is damaged", f"{path.parent.name}/{path.name}: {str(error).splitlines()[0][:80]}")
