"""`mmzero clean`: what can go is found and sized; what a resumed run reads stays."""

import errno
import io
import os
from pathlib import Path

import pytest

from recipe.mmzero.run import clean
from recipe.mmzero.run.record import lock
from recipe.mmzero.run.record.journal import Journal, JournalError, Record
from recipe.mmzero.settings.folder import RunFolder
from tests.recipe.engine.test_checkpoints import checkpoint, cut


def fill(path: Path, size: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def run(tmp_path):
    """The Proposer is finished, the Coder's data are being collected, the Coder has begun and was killed."""
    run = RunFolder(tmp_path / "run")
    with Journal(run.path) as journal:
        journal.records = {
            "iter_01/proposer": Record("done"),
            "iter_01/collect_coder": Record("failed"),
            "iter_01/coder": Record("running"),
        }
        journal.save()
    done, collect, begun = (run.step(name) for name in journal.records)
    done.checkpoints.mkdir(parents=True)
    checkpoint(done.checkpoints, 4)
    fill(done.model / "model.safetensors")
    fill(collect.shards / "rows_00000000.jsonl")
    fill(collect.shards / "rows_00000009.damaged")
    fill(collect.judged / "rows_00000000.jsonl.part")
    fill(collect.pictures / "a.png")
    fill(collect.pictures / "b.png.1.part")
    begun.checkpoints.mkdir(parents=True)
    for step in (2, 3, 4, 6):
        checkpoint(begun.checkpoints, step)
    cut(begun.checkpoints / "global_step_6" / "data.pt")
    (begun.checkpoints / "global_step_8").mkdir()
    os.rename(begun.checkpoints / "global_step_8", begun.checkpoints / "global_step_8.damaged")
    fill(run.path / "replaced" / "iter_01-proposer.1" / "hf" / "model.safetensors", 5000)
    fill(run.path / "state.json.part")
    fill(run.path / "thesis.txt")
    return run


def test_what_can_go(run):
    found = {str(path.relative_to(run.path)) for path, _, _ in clean.removable(run.path)}
    assert found == {
        "iter_01/proposer/checkpoints",
        "iter_01/collect_coder/shards/rows_00000009.damaged",
        "iter_01/collect_coder/shards/judged/rows_00000000.jsonl.part",
        "iter_01/collect_coder/images/b.png.1.part",
        "iter_01/coder/checkpoints/global_step_2",  # 6 cannot be read, so 4 is the one to continue from, or 3
        "iter_01/coder/checkpoints/global_step_8.damaged",
        "replaced/iter_01-proposer.1",
        "state.json.part",
    }


def test_sizes_are_those_on_disk_and_each_has_a_reason(run):
    for path, size, why in clean.removable(run.path):
        below = [path, *path.rglob("*")] if path.is_dir() else [path]
        assert size == sum(each.lstat().st_blocks * 512 for each in below) and why
    big = fill(run.path / "replaced" / "iter_01-proposer.1" / "big", 1_000_000)
    os.link(big, big.with_name("again"))
    size = dict((path.name, size) for path, size, _ in clean.removable(run.path))["iter_01-proposer.1"]
    assert 1_000_000 <= size < 1_100_000, "two names of one file free its blocks once"


def test_removing_frees_what_was_said_and_leaves_the_rest(run):
    found = clean.removable(run.path)
    assert clean.remove(run.path, [path for path, _, _ in found]) == sum(size for _, size, _ in found)
    assert clean.removable(run.path) == []
    for kept in (
        "thesis.txt",
        "state.json",
        "iter_01/proposer/hf/model.safetensors",
        "iter_01/collect_coder/shards/rows_00000000.jsonl",
        "iter_01/collect_coder/images/a.png",
        "iter_01/coder/checkpoints/global_step_4",
    ):
        assert (run.path / kept).exists(), kept


def test_only_what_was_named_goes(run):
    victim = clean.removable(run.path)[0][0]
    clean.remove(run.path, [victim])
    assert not victim.exists() and len(clean.removable(run.path)) == 7


@pytest.mark.parametrize("name", ["iter_01/proposer/hf", "thesis.txt", "../outside.txt", "."])
def test_nothing_else_can_be_named(run, name):
    outside = fill(run.path.parent / "outside.txt")
    with pytest.raises(ValueError, match="is not among what can go"):
        clean.remove(run.path, [clean.removable(run.path)[0][0], run.path / name])
    assert outside.exists() and len(clean.removable(run.path)) == 8


def test_not_while_a_loop_works_on_it(run):
    paths = [path for path, _, _ in clean.removable(run.path)]
    with Journal(run.path), pytest.raises(JournalError, match=f"process {os.getpid()}"):
        clean.removable(run.path)
    with Journal(run.path), pytest.raises(JournalError, match="another run works on"):
        clean.remove(run.path, paths)
    assert all(path.exists() for path in paths)


class Full(io.FileIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_can_be_cleaned(run, monkeypatch):
    """The lock is held though nothing can be written into it."""
    monkeypatch.setattr(lock, "FileIO", Full)
    (path, size, _), *_ = clean.removable(run.path)
    assert clean.remove(run.path, [path]) == size and not path.exists()


def test_no_run_folder(tmp_path):
    fill(tmp_path / "a.part")
    with pytest.raises(JournalError, match="is not a run folder"):
        clean.removable(tmp_path)
    with pytest.raises(JournalError, match="is not a run folder"):
        clean.remove(tmp_path, [tmp_path / "a.part"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.part"]
