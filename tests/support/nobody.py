"""Another user's view of a folder: permissions mean nothing to root, who runs the tests in a container."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def read_only_folder() -> Iterator[Path]:
    """A folder that everybody may enter and read, and only root may write."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o555)
        try:
            yield folder
        finally:
            folder.chmod(0o755)


@contextmanager
def without_root() -> Iterator[None]:
    """This process as a user without rights; import and read what lies in root's home before."""
    root = os.geteuid() == 0
    if root:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
