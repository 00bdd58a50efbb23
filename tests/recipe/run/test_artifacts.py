"""What counts as a whole output of a step: a model with all of its shards, JSON, a parquet file with rows."""

import json
import struct

import pytest

from recipe.mmzero import cli
from recipe.mmzero.run.record.artifacts import problem_with
from recipe.mmzero.run.record.journal import Journal, Record
from recipe.mmzero.settings.folder import RunFolder


def shard(path):
    head = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"1234")


@pytest.fixture
def run(tmp_path):
    """A run folder with one finished stage whose model has two shards."""
    run = RunFolder(tmp_path / "run")
    with Journal(run.path) as journal:
        journal.records["iter_01/coder"] = Record("done", outputs={"hf": "h", "metrics.jsonl": "h"})
        journal.save()
    hf = run.step("iter_01/coder").model
    hf.mkdir(parents=True)
    (hf / "config.json").write_text("{}")
    names = [f"model-0000{k}-of-00002.safetensors" for k in (1, 2)]
    for name in names:
        shard(hf / name)
    (hf / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(zip("ab", names, strict=True))}))
    return run


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def no_header(path):
    path.write_bytes(struct.pack("<Q", 2) + b"[]")


DAMAGE = {
    "a shard is missing": ("model-00002-of-00002.safetensors", lambda path: path.unlink(), "is missing"),
    "a shard is cut": ("model-00002-of-00002.safetensors", cut, "is damaged"),
    "a shard of another kind": ("model-00001-of-00002.safetensors", no_header, "is damaged"),
    "half an index": ("model.safetensors.index.json", cut, "is damaged"),
    "half a configuration": ("config.json", cut, "is damaged"),
}


def test_a_whole_model(run):
    assert problem_with(run.step("iter_01/coder").model) is None


@pytest.mark.parametrize("name, damage, said", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_model_is_named_and_not_exported(run, tmp_path, capsys, name, damage, said):
    file = run.step("iter_01/coder").model / name
    damage(file)
    assert problem_with(file.parent).startswith(f"{file} {said}")
    for more in ([], ["--out", str(tmp_path / "out")]):
        assert cli.main(["export", str(run.path), "iter_01/coder", *more]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and f"{file} {said}" in err and "--from iter_01/coder" in err
    assert not (tmp_path / "out").exists()
    assert cli.main(["tiny", "eval", str(file.parent)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {file} {said}")


def test_a_model_is_not_exported_into_itself(run, capsys):
    """That would change the model, and the run would not know it any more."""
    hf = run.step("iter_01/coder").model
    before = sorted(hf.iterdir())
    assert cli.main(["export", str(run.path), "iter_01/coder", "--out", str(hf / "copy")]) == 2
    assert "give a folder outside of it" in capsys.readouterr().err and sorted(hf.iterdir()) == before


def test_what_the_disk_refuses_is_one_line(run, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["export", str(run.path), "iter_01/coder", "--out", str(tmp_path / "file/out")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: cannot use ") and err.count("\n") == 1 and "Not a directory" in err


def test_export_of_no_run_says_so(tmp_path, capsys):
    assert cli.main(["export", str(tmp_path / "none"), "iter_01/coder"]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'none'} is no run folder: it has no state.json\n"
