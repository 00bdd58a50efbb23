"""A run folder's names stand in one module, and a file is replaced in one way: whole or not at all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmzero_env.process import replace
from recipe.mmzero.settings import folder
from recipe.mmzero.settings.folder import RunFolder, StepFolder

SOURCES = Path(folder.__file__).parents[1]


def test_nobody_else_replaces_files_or_spells_an_iteration():
    """`os.replace` after a temporary name, and `iter_%02d`, are written down once (moving a folder is no write)."""
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        if path == Path(folder.__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"""["'.]part["']|iter_\{|iter_%|"iter_"|glob\("iter_""", line):
                found.append(f"{path.relative_to(SOURCES)}:{number}: {line.strip()}")
    assert found == []


def test_ids_and_paths_agree():
    run = RunFolder(Path("/r"))
    step = run.step(folder.step_id(12, "collect_coder"))
    assert step.path == Path("/r/iter_12/collect_coder") and step.id == "iter_12/collect_coder"
    assert step.run == run
    assert folder.iteration_of(step.id) == 12 and folder.stage_of(step.id) == "collect_coder"
    assert folder.iteration_of("iter_x/coder") is None and folder.iteration_of("xiter_01/coder") is None


def test_attempts_are_read_in_the_order_in_which_they_ran(tmp_path):
    step = StepFolder(tmp_path)
    for attempt in (2, 100, 11, 1):
        step.attempt_metrics(attempt).write_text("{}")
        step.checkpointed_metrics(attempt).write_text("{}")
    step.metrics.write_text("{}")
    expected = [(step.checkpointed_metrics(attempt), step.attempt_metrics(attempt)) for attempt in (1, 2, 11, 100)]
    assert step.all_attempt_metrics() == [path for pair in expected for path in pair]


def test_steps_lists_folders_of_iterations_only(tmp_path):
    for name in ("iter_01/coder", "iter_10/solver", "replaced/iter_01-coder.1", "iter_xx/coder"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "iter_01" / "note.txt").write_text("mine")
    assert [step.id for step in RunFolder(tmp_path).steps()] == ["iter_01/coder", "iter_10/solver"]


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, sync, shared):
    target = tmp_path / "a.json"
    replace.write(target, "old", sync, shared)
    with pytest.raises(OSError, match="no space"), replace.replacing(target, sync, shared) as temporary:
        temporary.write_text("half")
        assert target.read_text() == "old", "the old file stays until the new one is whole"
        raise OSError("no space")
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.json"]


def test_a_folder_takes_the_place_of_a_folder(tmp_path):
    target = tmp_path / "hf"
    (tmp_path / "hf.part").mkdir()
    (tmp_path / "hf.part" / "of a killed one").write_text("x")
    for text in ("one", "two"):
        with replace.replacing(target) as temporary:
            temporary.mkdir()
            (temporary / "config.json").write_text(text)
    assert [path.name for path in target.iterdir()] == ["config.json"]
    assert (target / "config.json").read_text() == "two" and os.listdir(tmp_path) == ["hf"]


def test_sync_reaches_the_disk_before_the_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(replace.os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    replace.write(tmp_path / "a", b"1", sync=True)
    assert done == [str(tmp_path / "a.part"), str(tmp_path)]
    replace.write(tmp_path / "a", b"2")
    assert len(done) == 2


def test_syncing_a_tree_leaves_nothing_out(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(replace.os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    (tmp_path / "hf" / "tokenizer").mkdir(parents=True)
    for name in ("hf/a.safetensors", "hf/b.safetensors", "hf/tokenizer/vocabulary.json", "rows.parquet"):
        (tmp_path / name).write_bytes(b"1")
    replace.sync_tree(tmp_path / "hf")
    assert sorted(done) == sorted(map(str, [tmp_path / "hf", *(tmp_path / "hf").rglob("*")]))
    assert done[-1] == str(tmp_path / "hf"), "a folder after what it holds"
    done.clear()
    replace.sync_tree(tmp_path / "rows.parquet")
    assert done == [str(tmp_path / "rows.parquet")]


def test_writers_of_one_file_do_not_meet(tmp_path):
    """Each shared writer has a name of its own: with one name for both, one's rename takes the other's file away."""
    code = f"""
from pathlib import Path
from mmzero_env.process.replace import write
for _ in range(300):
    write(Path({str(tmp_path / "x")!r}), b"y" * 1000, shared=True)
"""
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert (tmp_path / "x").read_bytes() == b"y" * 1000 and os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("before, after", [(None, ""), ("", ""), ("1\n", "1\n"), ("1\n{ha", "1\n{ha\n")])
def test_a_line_is_added_after_what_a_killed_writer_left(tmp_path, before, after):
    if before is not None:
        (tmp_path / "lines").write_text(before)
    for number in (8, 9):
        replace.append(tmp_path / "lines", str(number))
    assert (tmp_path / "lines").read_text() == after + "8\n9\n"


def test_a_write_that_the_disk_refuses_names_its_file(tmp_path):
    with pytest.raises(OSError) as error, replace.replacing(tmp_path / "x"):
        Path("/dev/full").write_text("x", encoding="utf-8")
    assert (error.value.errno, error.value.filename) == (28, str(tmp_path / "x"))
