"""The sandbox's system call numbers are those of the kernel's own headers.

Debian: linux-libc-dev for the machine itself, linux-libc-dev-arm64-cross for aarch64 on another one.
"""

import re
from pathlib import Path

import pytest

from mmzero_env.sandbox.kernel import NUMBERS

HEADERS = {
    "x86-64": [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")],
    "aarch64": [
        Path("/usr/aarch64-linux-gnu/include/asm-generic/unistd.h"),
        Path("/usr/include/asm-generic/unistd.h"),  # the same file: aarch64 has the generic numbers
    ],
}


def numbers_in(header: Path) -> dict[str, int]:
    """System call -> number; the 64-bit branch of a conditional comes first."""
    defined: dict[str, str] = {}
    for name, value in re.findall(r"^#define __NR(\w+) +(\w+)", header.read_text(encoding="utf-8"), re.MULTILINE):
        defined.setdefault(name, value)
    found = {}
    for name, value in defined.items():
        while value.startswith("__NR"):
            value = defined.get(value.removeprefix("__NR"), "")
        if name.startswith("_") and value.isdigit():
            found[name[1:]] = int(value)
    return found


@pytest.mark.parametrize("machine, column", [("x86-64", 0), ("aarch64", 1)])
def test_numbers_are_those_of_the_headers(machine, column):
    header = next((path for path in HEADERS[machine] if path.exists()), None)
    if header is None:
        pytest.skip(f"no kernel headers for {machine}")
    theirs = numbers_in(header)
    assert len(theirs) > 250
    assert {name: theirs.get(name) for name in NUMBERS} == {name: pair[column] for name, pair in NUMBERS.items()}
