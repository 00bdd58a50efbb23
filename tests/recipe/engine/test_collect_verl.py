"""verl's own dataset class reads the collected files as they are: prompts, pictures by path, and our columns."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from recipe.mmzero.engine.collect.settings import SolverFilter
from recipe.mmzero.engine.train.data.topics import write_topic_rows
from tests.support.collect_sim import SimRender, peers, run, settings

rl_dataset = pytest.importorskip("verl.utils.dataset.rl_dataset", reason="verl is not installed")


def dataset(path: Path, cache: Path):
    config = OmegaConf.create({"filter_overlong_prompts": False, "cache_dir": str(cache)})
    return rl_dataset.RLHFDataset(str(path), tokenizer=None, config=config, processor=object())


def test_solver_rows_reach_verl_with_their_picture(tmp_path, monkeypatch):
    run("collect_solver", tmp_path / "step", settings(solver_filter=SolverFilter(40, min_rows=1)), peers(), SimRender())
    monkeypatch.chdir("/")  # verl's workers have another working directory
    rows = dataset(tmp_path / "step" / "train.parquet", tmp_path / "cache")
    assert len(rows) > 0
    for row in rows:
        picture, text = row["raw_prompt"][0]["content"]
        assert picture["type"] == "image" and Path(picture["image"]).stat().st_size > 0
        assert row["extra_info"]["hard_question"] in text["text"]
        assert row["reward_model"]["ground_truth"] == row["extra_info"]["label"]
        assert row["agent_name"] == "mmzero_solver" and row["index"] == row["extra_info"]["index"]
    batch = rl_dataset.collate_fn([rows[0], rows[1]])
    assert len(batch["raw_prompt"]) == 2


def test_text_rows_reach_verl_as_text(tmp_path):
    config = settings()
    write_topic_rows(tmp_path / "topics.parquet", config.topics, 6, 0, config.templates)
    run("collect_coder", tmp_path / "step", config, peers(), SimRender())
    for path in (tmp_path / "topics.parquet", tmp_path / "step" / "train.parquet"):
        rows = dataset(path, tmp_path / "cache")
        assert all(isinstance(row["raw_prompt"][0]["content"], str) for row in rows)
