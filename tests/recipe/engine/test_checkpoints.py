"""A stage continues from the newest checkpoint that can be read."""

import json
import struct
from pathlib import Path

import pytest
import torch

from recipe.mmzero.run.record.checkpoints import MARKER, last_usable, make_room, remove_all, superseded


def checkpoint(folder: Path, step: int) -> Path:
    """A checkpoint folder as verl writes it."""
    path = folder / f"global_step_{step}"
    hf = path / "actor" / "huggingface"
    hf.mkdir(parents=True)
    for kind in ("model", "optim", "extra_state"):
        torch.save({"x": torch.zeros(1000)}, path / "actor" / f"{kind}_world_size_1_rank_0.pt")
    torch.save({"x": 1}, path / "data.pt")
    head = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    (hf / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + b"1234")
    (hf / "config.json").write_text("{}")
    (folder / MARKER).write_text(str(step))
    return path


def test_none(tmp_path):
    assert last_usable(tmp_path, last=10) == 0


def test_newest(tmp_path):
    checkpoint(tmp_path, 2)
    checkpoint(tmp_path, 10)
    assert last_usable(tmp_path, last=10) == 10


def test_marker_that_a_kill_left_behind(tmp_path):
    checkpoint(tmp_path, 2)
    (tmp_path / MARKER).write_text("")
    assert last_usable(tmp_path, last=10) == 2
    assert (tmp_path / MARKER).read_text() == "2"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = {
    "weights cut": lambda path: cut(path / "actor" / "model_world_size_1_rank_0.pt"),
    "optimiser empty": lambda path: (path / "actor" / "optim_world_size_1_rank_0.pt").write_bytes(b""),
    "optimiser missing": lambda path: (path / "actor" / "optim_world_size_1_rank_0.pt").unlink(),
    "one of two ranks missing": lambda path: [
        file.rename(file.with_name(file.name.replace("size_1", "size_2"))) for file in (path / "actor").glob("*.pt")
    ],
    "data position missing": lambda path: (path / "data.pt").unlink(),
    "export cut": lambda path: cut(path / "actor" / "huggingface" / "model.safetensors"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_one_is_set_aside(tmp_path, damage, capsys):
    checkpoint(tmp_path, 2)
    damage(checkpoint(tmp_path, 4))
    assert last_usable(tmp_path, last=10) == 2
    assert (tmp_path / MARKER).read_text() == "2"
    assert (tmp_path / "global_step_4.damaged").is_dir(), "nothing that was written is deleted"
    assert "checkpoint of step 4 is damaged" in capsys.readouterr().out


def test_a_checkpoint_of_adapters_holds_no_exported_model(tmp_path):
    for file in (checkpoint(tmp_path, 10) / "actor" / "huggingface").glob("*.safetensors"):
        file.unlink()
    assert last_usable(tmp_path, last=None) == 10
    assert last_usable(tmp_path, last=10) == 0


def test_all_damaged_starts_over(tmp_path):
    cut(checkpoint(tmp_path, 2) / "data.pt")
    assert last_usable(tmp_path, last=10) == 0
    assert not (tmp_path / MARKER).exists(), "verl would try to load what the marker names"


def test_room_is_made_before_a_checkpoint_is_written_whoever_wrote_the_old_ones(tmp_path):
    """verl counts what its own process has saved: two resumes of a stage that keeps two left six."""
    for step in (2, 4):  # an earlier process
        checkpoint(tmp_path, step)
    for step in (6, 8, 10):
        gone = make_room(tmp_path)
        assert [path.name for path in gone] == [f"global_step_{step - 4}"]
        checkpoint(tmp_path, step)
        left = sorted(tmp_path.glob("global_step_*"), key=lambda path: int(path.name[12:]))
        assert [path.name for path in left] == [f"global_step_{step - 2}", f"global_step_{step}"]
    assert last_usable(tmp_path, last=100) == 10


def test_the_newest_checkpoint_is_never_removed_to_make_room(tmp_path):
    checkpoint(tmp_path, 100)
    assert make_room(tmp_path) == [] and last_usable(tmp_path, last=100) == 100


def test_superseded_are_those_before_the_ones_to_continue_from(tmp_path):
    for step in (2, 10, 4, 1):
        checkpoint(tmp_path, step)
    assert [path.name for path in superseded(tmp_path)] == ["global_step_1", "global_step_2"]
    cut(tmp_path / "global_step_10" / "data.pt")
    assert [path.name for path in superseded(tmp_path)] == ["global_step_1"], "4 is needed: 10 cannot be read"
    cut(tmp_path / "global_step_4" / "data.pt")
    cut(tmp_path / "global_step_2" / "data.pt")
    assert superseded(tmp_path) == []


def test_all_go_with_a_finished_stage(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    checkpoint(folder, 2)
    cut(checkpoint(folder, 4) / "data.pt")
    last_usable(folder, last=4)
    remove_all(folder)
    assert not folder.exists()
    remove_all(folder)  # nothing there is fine


def without_export(path: Path) -> Path:
    """What verl writes at every step but the last: configuration and tokenizer, no weights."""
    (path / "actor" / "huggingface" / "model.safetensors").unlink()
    return path


def test_only_the_last_step_needs_the_exported_model(tmp_path):
    without_export(checkpoint(tmp_path, 5))
    assert last_usable(tmp_path, last=10) == 5
    without_export(checkpoint(tmp_path, 10))  # killed while the model was exported
    assert last_usable(tmp_path, last=10) == 5
    assert (tmp_path / "global_step_10.damaged").is_dir()
