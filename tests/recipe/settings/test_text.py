"""Durations and values in lines for a person, in every place that prints them."""

import errno
import re
import shutil
from pathlib import Path

import pytest

from recipe.mmzero.settings.text import clock, refused, short

RECIPE = Path(__file__).resolve().parents[3] / "recipe"


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0:00:00"), (59.4, "0:00:59"), (59.5, "0:01:00"), (3599.6, "1:00:00"), (86_400 * 5 + 61, "120:01:01")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_nothing_else_writes_durations():
    """Minutes made by hand (`// 60`) are a second format sooner or later."""
    found = [path for path in RECIPE.rglob("*.py") if re.search(r"// 60\b|% 60\b", path.read_text())]
    assert [path.name for path in found] == ["text.py"]


@pytest.mark.parametrize("length", [1, 59, 60, 61, 500])
def test_short_is_short(length):
    text = "x" * length
    assert short(text) == (text if length <= 60 else "x" * 57 + "...")


@pytest.mark.parametrize(
    "error, line",
    [
        (OSError(errno.ENOSPC, "Full", "/x"), "cannot use /x: Full; free the disk"),
        (OSError(errno.EISDIR, "Is a directory", "/x.part"), "cannot use /x: Is a directory; something else is in its"),
        (OSError(errno.EROFS, "Read-only", "/x"), "cannot use /x: Read-only; unlock it"),
        (OSError(0, "two\nlines", "/x"), "cannot use /x: two lines"),
        (shutil.Error([("/a", "/b", "[Errno 28] Full"), ("/c", "/d", "x")]), "cannot use /b: [Errno 28] Full"),
        (OSError(errno.EIO, "Broken"), "cannot use /run: Broken"),  # an error that names no file
    ],
)
def test_what_the_disk_refuses_is_one_line_with_the_remedy_for_it(error, line):
    assert refused(error, "/run").startswith(line) and "\n" not in refused(error, "/run")


def test_a_refusal_of_no_file_names_none():
    assert refused(OSError(errno.EIO, "Broken")) == "Broken"
