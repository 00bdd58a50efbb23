"""B16: prompts are counted as verl's workers count them, and those that training would cut never become rows."""

import dataclasses
from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

pytest.importorskip("verl", reason="the counting is verl's own")
from verl.experimental.agent_loop.agent_loop import AgentLoopBase

from mmzero_rewards.prompting import PromptTemplates
from recipe.mmzero.engine.collect.settings import CoderFilter, SolverFilter, from_config
from recipe.mmzero.engine.lengths import PromptLengths
from recipe.mmzero.engine.train import trainer as trainers
from recipe.mmzero.engine.train.batch import StageFailure
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl import config as verl_config
from recipe.mmzero.tiny.model import build_processor, build_tokenizer
from tests.support.collect_sim import SimRender, peers, run, settings, tables

TEMPLATES = PromptTemplates.default()


@pytest.fixture(scope="module")
def processor():
    return build_processor(build_tokenizer(samples=200))


@pytest.fixture(scope="module")
def lengths(processor):
    data = {"mm_processor_kwargs": {"min_pixels": 112 * 112, "max_pixels": 224 * 224}}
    return PromptLengths(processor.tokenizer, processor, "qwen2_5_vl", data)


def test_text_is_counted_with_the_models_chat_template(lengths, processor):
    row = TEMPLATES.proposer_row("charts")
    rendered = processor.apply_chat_template(row, tokenize=False, add_generation_prompt=True)
    assert lengths.count(row) == len(processor.tokenizer(rendered)["input_ids"])
    assert lengths.count(row) > len(processor.tokenizer(row[0]["content"])["input_ids"]), "the template counts"


@pytest.mark.parametrize("side, tokens", [(112, 16), (224, 64), (1000, 64)])  # 28 x 28 pixels each; at most 224 x 224
def test_pictures_are_counted_after_the_size_policy(lengths, tmp_path, side, tokens):
    Image.new("RGB", (side, side)).save(tmp_path / "picture.png")
    row = TEMPLATES.solver_row("how many?")
    without = [{"role": "user", "content": TEMPLATES.question_text("how many?")}]
    frame = 2  # start and end of a picture
    assert lengths.count(row, [tmp_path / "picture.png"]) == lengths.count(without) + tokens + frame


def test_verl_still_cuts_long_text_from_the_left():
    """Why this exists; when it fails, verl has changed and the check may go."""
    loop = SimpleNamespace(rollout_config=SimpleNamespace(prompt_length=4))
    assert AgentLoopBase._cap_text_prompt_length(loop, list(range(6))) == [2, 3, 4, 5]


class Words:
    """A length that the tests can foresee."""

    def count(self, prompt, images=()):
        return len(prompt[0]["content"].split()) + 1000 * len(images)


FILTERS = {
    "coder_filter": CoderFilter(mode="off", target_rows=60, attempt_budget=60, min_rows=1),
    "solver_filter": SolverFilter(proposals=60, min_rows=1),
}


@pytest.mark.parametrize("stage", ["collect_coder", "collect_solver"])
def test_rows_that_training_would_cut_are_rejected(tmp_path, stage):
    everything = run(stage, tmp_path / "a", settings(**FILTERS), peers(), SimRender(), lengths=Words())
    rows = tables(tmp_path / "a")["train"]
    found = sorted(Words().count(row["prompt"], row["images"]) for row in rows)
    assert everything["rejected"].get("prompt_too_long", 0) == 0
    # All prompts of the simulation are alike, so a caption is made longer where its number is odd.
    assert found[0] == found[-1]

    class Uneven(Words):
        def count(self, prompt, images=()):
            scene = int("".join(filter(str.isdigit, prompt[0]["content"].split("cene ")[1].split()[0].strip(","))))
            return super().count(prompt, images) + scene % 2

    limited = settings(**FILTERS, max_prompt_tokens=found[0])
    summary = run(stage, tmp_path / "b", limited, peers(), SimRender(), lengths=Uneven())
    kept = tables(tmp_path / "b")["train"]
    assert 0 < len(kept) < len(rows) and summary["rejected"]["prompt_too_long"] > 0 == summary["dropped"]
    assert all(Uneven().count(row["prompt"], row["images"]) <= found[0] for row in kept)
    # The limit selects; it is no part of a row. A higher one continues on the same shards and asks nobody.
    raised, clients = dataclasses.replace(limited, max_prompt_tokens=found[0] + 1), peers()
    run(stage, tmp_path / "b", raised, clients, SimRender(), lengths=Uneven())
    assert tables(tmp_path / "b")["train"] == rows and sum(client.requests for client in clients.values()) == 0


@pytest.mark.parametrize("stage", ["collect_coder", "collect_solver"])
def test_the_limit_is_the_one_of_the_role_that_the_rows_train(stage):
    config = schema.load(["coder.train.max_prompt_tokens=301", "solver.train.max_prompt_tokens=302"])
    assert from_config(config, stage).max_prompt_tokens == {"collect_coder": 301, "collect_solver": 302}[stage]


def test_counting_uses_what_training_uses():
    """The parts of verl's `data` that change a prompt's length are the same in the collection as in the stage."""
    raw = "verl.coder.data.apply_chat_template_kwargs={enable_thinking: false}"
    config = schema.load(["model=qwen3_vl_4b", "hardware=gpu8x80", raw])
    step = {"id": "iter_01/coder", "role": "coder", "iteration": 1, "step_dir": "/x", "attempt": 1}
    data = verl_config.stage_config(config, step | {"inputs": {"policy": "/p", "solver": "/s", "data": "/d"}}).data
    counted = OmegaConf.create(verl_config.collect_data(config, "coder"))
    assert counted.mm_processor_kwargs == data.mm_processor_kwargs
    assert counted.apply_chat_template_kwargs == data.apply_chat_template_kwargs == {"enable_thinking": False}
    assert "truncation" not in data, "verl reads it nowhere on this path"


@pytest.mark.parametrize("limit, fails", [(10, True), (1000, False)])
def test_a_stage_with_rows_that_verl_would_cut_does_not_start(tmp_path, processor, monkeypatch, limit, fails):
    rows = [TEMPLATES.proposer_row("charts"), TEMPLATES.proposer_row("maps"), TEMPLATES.proposer_row("charts")]
    pd.DataFrame({"prompt": rows}).to_parquet(tmp_path / "rows.parquet")
    monkeypatch.setattr(trainers.AutoConfig, "from_pretrained", lambda path: SimpleNamespace(model_type="qwen2_5_vl"))
    trainer = object.__new__(trainers.MMZeroTrainer)
    data = {"train_files": str(tmp_path / "rows.parquet"), "max_prompt_length": limit}
    trainer.config = OmegaConf.create({"data": data, "actor_rollout_ref": {"model": {"path": "m"}}})
    trainer.role, trainer.tokenizer, trainer.processor = "proposer", processor.tokenizer, processor
    if not fails:
        return trainer._refuse_long_prompts()
    with pytest.raises(StageFailure, match=r"2 of 2 prompts are longer than proposer\.train\.max_prompt_tokens=10"):
        trainer._refuse_long_prompts()
