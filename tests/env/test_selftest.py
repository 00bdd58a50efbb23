"""The attacks that users can run: all stopped here, and seen to get through where a layer is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def rows(said: str) -> dict[str, str]:
    """attack -> the rest of its row."""
    return {line[:45].strip(): line[45:] for line in said.splitlines() if line.endswith(("stopped", "THROUGH"))}


@pytest.fixture(scope="module")
def complete():
    command = [sys.executable, "-m", "mmzero_env", "selftest"]
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1])


def test_everything_is_stopped(complete):
    assert complete.returncode == 0, complete.stdout + complete.stderr
    assert complete.stdout.splitlines()[-1] == "37 of 37 attacks stopped; every layer is on"
    assert not [row for row in rows(complete.stdout).values() if not row.endswith("stopped")]


@pytest.mark.parametrize(
    "attack, by, not_by",
    [
        ("read a file of yours", "landlock", "seccomp"),
        ("make a local socket", "seccomp", "landlock"),
        ("take 3 GB of memory", "limits", "landlock"),
        ("use a privilege of root", "capabilities", "limits"),
    ],
)
def test_table_names_the_layer_that_stops_it(complete, attack, by, not_by):
    header = next(line for line in complete.stdout.splitlines() if line.startswith("attack"))
    row = next(line for line in complete.stdout.splitlines() if line.startswith(attack))
    if row[header.index("limits") :].startswith("-"):
        pytest.skip("this user cannot do it anyway")
    assert row[header.index(by) :].startswith("stops") and not row[header.index(not_by) :].startswith("stops")


def test_what_gets_through_is_said():
    command = [sys.executable, str(HERE.parent / "support" / "sandbox" / "without_layer.py"), "seccomp", "selftest"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "NOT STOPPED: make a local socket" in said and said[-1].endswith("strict does not start here: layers off")
    assert any(line.startswith("layer off: seccomp (") for line in said)


def test_doctor_points_to_it():
    command = [sys.executable, "-m", "mmzero_env", "doctor"]
    said = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1]).stdout
    assert said.splitlines()[-1].endswith("python -m mmzero_env selftest")
