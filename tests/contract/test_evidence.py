"""docs/evidence.md: what stands under `$ mmzero lab table ... --measurements docs/measurements` is what it prints."""

import re
import shlex
from pathlib import Path

import pytest

from recipe.mmzero.run.lab import cli

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```\n\$ mmzero lab (table .*)\n((?:.*\n)*?)```$", re.MULTILINE)
BLOCKS = BLOCK.findall((ROOT / "docs" / "evidence.md").read_text())


def test_there_are_such_tables():
    assert BLOCKS and all("--measurements docs/measurements" in command for command, _ in BLOCKS)


@pytest.mark.parametrize("command, shown", BLOCKS, ids=[command.split(" --")[0] for command, _ in BLOCKS])
def test_a_table_of_the_page_is_what_its_command_prints(command, shown, capsys, monkeypatch):
    """Lines may be left out, not changed."""
    monkeypatch.chdir(ROOT)
    assert cli.main(shlex.split(command)) == 0
    assert set(shown.splitlines()) <= set(capsys.readouterr().out.splitlines())
