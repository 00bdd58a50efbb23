"""The errors of this package that a user sees, and what becomes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmzero_rewards.answers.children import GraderUnavailable
from recipe.mmzero.settings.text import refused


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
        raise CollectError(f"{stage}: {refused(error, folder)}, and run again: finished rows are kept") from error
