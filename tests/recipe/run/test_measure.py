"""Measuring checkpoints: once per weights, the same items whatever the sampling; what the loop keeps of it."""

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from recipe.mmzero.report.data.read import Skips
from recipe.mmzero.report.data.truth import Rates, truth
from recipe.mmzero.run import loop, plan
from recipe.mmzero.run.lab import kept, measure
from recipe.mmzero.run.services import Services
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.tiny import rates
from recipe.mmzero.tiny.cache import ensure_base
from recipe.mmzero.tiny.questions import answer
from recipe.mmzero.tiny.world import parse_caption
from tests.support.scripted import FAKE_STAGE, Scripts
from tests.support.synthetic import ones


def test_a_checkpoint_is_measured_once(tmp_path, monkeypatch):
    base = ensure_base()
    monkeypatch.setenv("MMZERO_CACHE", str(tmp_path / "cache"))
    copy = shutil.copytree(base, tmp_path / "copy")
    wanted = [*((role, base) for role in measure.ROLES), ("solver", copy)]
    found = measure.measured(wanted, items=4, jobs=2)
    assert len(list((tmp_path / "cache" / "rates").iterdir())) == 3, "two folders with the same weights are one"
    assert found["solver", copy] == found["solver", base]
    sizes = {
        role: len(found[role, base]["values"][name]) for role, name in (("solver", "hard_right"), ("coder", "draws"))
    }
    assert sizes == {"solver": 4, "coder": 4} and len(found["proposer", base]["values"]["valid"]) == 16

    started = []
    real = measure.subprocess.Popen
    monkeypatch.setattr(measure.subprocess, "Popen", lambda *a, **k: started.append(a) or real(*a, **k))
    assert measure.measured(wanted, items=4) == found and started == []
    again = measure.base_rates(base, items=4, again=1, jobs=1)
    assert len(started) == 1, "one process for all roles"
    assert again.values["proposer"] != found["proposer", base]["values"], "other samples"


@pytest.mark.parametrize("package", range(len(measure.READING_AND_DRAWING)))
def test_what_draws_or_reads_otherwise_measures_anew(package, tmp_path, monkeypatch):
    before = measure._sources.__wrapped__()
    assert measure._sources.__wrapped__() == before
    packages = list(measure.READING_AND_DRAWING)
    copy = shutil.copytree(Path(packages[package].__file__).parent, tmp_path / "copy")
    packages[package] = SimpleNamespace(__file__=str(copy / "__init__.py"))
    monkeypatch.setattr(measure, "READING_AND_DRAWING", packages)
    assert measure._sources.__wrapped__() == before, "wherever it is installed"
    inner = next(file for file in sorted(copy.rglob("*.py")) if file.parent != copy)
    inner.write_text(inner.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert measure._sources.__wrapped__() != before


def test_a_measurement_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZERO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OSError, match="measuring failed"):
        measure.measured([("coder", tmp_path)], items=4)
    assert list((tmp_path / "cache" / "rates").iterdir()) == []


def test_rates_that_a_power_cut_left_empty_are_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZERO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "config.json").write_text("{}")
    asked = []

    def made(shares, *_):
        for role, _, _, target in (task for share in shares for task in share):
            asked.append(role)
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(target).write_text('{"values": {}, "whole": {}}', encoding="utf-8")

    monkeypatch.setattr(measure, "_measure", made)
    measure.measured([("coder", tmp_path)], items=4)
    next((tmp_path / "cache" / "rates").iterdir()).write_text("")
    measure.measured([("coder", tmp_path)], items=4)
    assert asked == ["coder", "coder"]


def test_measured_with_what_stands_in_for_python(tmp_path, monkeypatch):
    """A run's warm server has loaded what measuring needs."""
    monkeypatch.setenv("MMZERO_CACHE", str(tmp_path / "cache"))
    warm = tmp_path / "python"
    warm.write_text('#!/bin/sh\necho "$SOCKET $*" >&2\nexit 3\n')
    warm.chmod(0o755)
    (tmp_path / "config.json").write_text("{}")
    python = measure.Python(str(warm), {"SOCKET": "there"})
    with pytest.raises(OSError, match=r"there -m recipe\.mmzero\.run\.lab\.measure svg 0"):
        measure.measured([("coder", tmp_path)], items=4, python=python)


def test_only_the_roles_that_were_asked_for_are_measured(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(
        "coder: {languages: [svg]}\nsolver: {label_mode: offline}\nevolution: {train: [solver]}\n"
    )
    monkeypatch.setattr(
        measure, "measured", lambda wanted, *_, **__: {pair: {"values": {"x": [1.0]}, "whole": {}} for pair in wanted}
    )
    base = tmp_path / "base"
    (point,) = measure.rates_of(tmp_path, base, items=4, roles=["solver"])
    assert list(point.values) == ["solver"] == list(measure.base_rates(base, roles=["solver"]).values)
    assert math.isnan(point.mean("coder", "draws")), "not measured, and the table leaves the line out"


class Mute:
    """A model that writes nothing; notes what it was asked."""

    def __init__(self):
        self.asked = []

    def generate(self, prompts, pictures=None, n=1, **_):
        self.asked.append(list(prompts))
        return [[""] * n for _ in prompts]


@pytest.mark.parametrize("measured", [rates.solver_rates, rates.coder_rates, rates.proposer_rates])
def test_another_sampling_is_asked_the_same(measured):
    one, other = Mute(), Mute()
    measured(one, 3, seed=1)
    measured(other, 3, seed=2)
    assert one.asked == other.asked and len(one.asked[0]) == 3


class Careful(Mute):
    """Calls unknown what a caption does not answer, and half of the time also what it does; writes nothing else."""

    def generate(self, prompts, pictures=None, n=1, **_):
        return [self._replies(prompt, n) for prompt in prompts]

    def _replies(self, prompt, n):
        caption, _, question = prompt.removeprefix("caption: ").partition("\n")
        unknown = ["<think>so</think>\\boxed{unknown}"] * n
        if not prompt.startswith("caption: "):
            return ["\\boxed{unknown}"] * n  # no whole reply
        return unknown if answer(parse_caption(caption), question) is None else unknown[: n // 2] + [""] * (n - n // 2)


def test_who_calls_a_question_unknown():
    values = rates.solver_rates(Careful(), 12)
    assert set(values["text_ill_posed_abstains"]) == {1.0} and set(values["text_hard_abstains"]) == {0.5}
    assert {*values["hard_answered"], *values["text_hard_right"]} == {0.0}


# --- in a run folder --------------------------------------------------------------------------------------------------


def test_only_the_tiny_world_is_measured(tmp_path):
    config = schema.load(["model=qwen2_5_vl_3b", "hardware=gpu1x80"])
    assert Services().truth(config, tmp_path, RunFolder(tmp_path).step("iter_01/solver")) is False


def test_rows_and_rates_are_kept_where_the_report_reads_them(tmp_path, monkeypatch, capsys):
    run = RunFolder(tmp_path)
    collected, solver = (run.step(f"iter_01/{name}") for name in ("collect_solver", "solver"))
    collected.path.mkdir(parents=True)
    points = [Rates(k, {"solver": {"hard_right": ones(0.5, 10)}}, {}) for k in (0, 1)]
    monkeypatch.setattr(kept, "row_truth", lambda step: {"well_posed": [1.0, 0.0]})
    monkeypatch.setattr(kept, "rates_of", lambda *asked, **_: points if asked[3] == kept.ITEMS else None)
    config = schema.load(["model=tiny"])
    run.config.write_text(OmegaConf.to_yaml(config))
    assert [Services().truth(config, tmp_path, step) for step in (collected, solver, solver)] == [True, True, False]
    assert json.loads(collected.truth.read_text()) == {"well_posed": [1.0, 0.0]}
    assert truth(tmp_path, Skips()) == points
    assert capsys.readouterr().out.count(f"{kept.ITEMS} held-out items") == 1
    assert not Services().truth(config, tmp_path, run.step("iter_01/coder")), "nothing to measure yet"
    run.config.write_text(OmegaConf.to_yaml(schema.load(["model=tiny", "evolution.train=[proposer,coder]"])))
    assert [kept.keep(run.step(f"iter_01/{name}"), tmp_path) for name in ("proposer", "coder")] == [False, False]
    run.held_out.unlink()
    assert kept.keep(run.step("iter_01/coder"), tmp_path), "the Coder's stage ends an iteration"


class Measuring(Scripts):
    """Scripted stages; the measurement is a note, and what it finds is a fall to nothing."""

    def __init__(self, script):
        super().__init__(script)
        self.asked = []

    def truth(self, config, base, step):
        self.asked.append(step.id)
        if step.path.name == "collect_solver":
            share = 0.5 if step.id.startswith("iter_01") else 0.0
            step.truth.write_text(json.dumps({"label_true": ones(share, 48)}))
        return False


def test_the_loop_measures_before_it_looks_for_alarms(tmp_path, capsys):
    (tmp_path / "stage.py").write_text(FAKE_STAGE)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "rows.parquet")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model.safetensors").write_bytes(b"base")
    (tmp_path / "base" / "config.json").write_text("{}")
    words = [f"run_dir={tmp_path / 'run'}", f"model.path={tmp_path / 'base'}", "evolution.iterations=2"]
    services = Measuring(tmp_path / "stage.py")
    assert loop.run(schema.load([*words, "alarms.on_alarm=stop"]), services=services) == loop.ALARMED
    said = capsys.readouterr()
    assert "ALARM iter_02/collect_solver label_true: " in said.out and "stopped by label_true" in said.err
    assert services.asked == [f"iter_{i:02d}/{stage}" for i in (1, 2) for stage in plan.STAGES][:9]
    services.asked.clear()
    assert loop.run(schema.load(words), services=services) == 0
    assert services.asked == ["iter_02/solver", "iter_01/collect_solver", "iter_02/collect_solver", "iter_02/solver"]
