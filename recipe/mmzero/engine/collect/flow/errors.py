"""The errors of this package that a user sees, and what becomes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmzero_rewards.answers.children import GraderUnavailable


class CollectError(RuntimeError):
    """The step cannot go on; the message is one line: what, where, remedy. Finished rows stay in the shards."""


class RowsLost(CollectError):
    """Servers or the renderer lost too many rows. Another attempt has new ones, and asks for these rows only."""


@contextmanager
def one_line(stage: str, folder: Path) -> Iterator[None]:
    """Turn failures of the disk and a missing grader into CollectError."""
    try:
        yield
    except GraderUnavailable as error:
        raise CollectError(f"{stage}: {error}") from error
    except OSError as error:
        where = error.filename or folder
        raise CollectError(
            f"{stage}: cannot use {where}: {error.strerror or error}; free or unlock the disk and run again, "
            "finished rows are kept"
        ) from error
