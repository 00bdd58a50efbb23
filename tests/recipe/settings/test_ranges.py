"""Every setting has a range or a choice, and a value outside it is one line before anything starts."""

import math
from dataclasses import dataclass

import pytest
from omegaconf import OmegaConf

from mmzero_env.config import ranges as declare
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks import keys, ranges

GPU = ["model=qwen2_5_vl_7b", "hardware=gpu8x80"]


def leaves_of_everything():
    """Every leaf that a configuration can have: the tiny run, the largest one, and the defaults of the types."""
    found = set()
    for words in ([], GPU):
        found |= {key for key, _ in ranges.leaves(OmegaConf.to_container(schema.load(words), resolve=True))}
    typed = {key for key in keys.known_keys() if keys.at(keys.tree(), key) is not keys.ABSENT}
    leaf = {key for key in typed if not isinstance(keys.at(keys.tree(), key), dict)}
    return sorted((found | leaf) - {"model.architecture"})


@pytest.mark.parametrize("key", leaves_of_everything())
def test_every_leaf_is_declared(key):
    assert key in ranges.declared(), f"{key} declares no range or choice (settings/types, RewardConfig)"


def test_nothing_is_declared_that_does_not_exist():
    assert not set(ranges.declared()) - set(keys.known_keys())


def test_a_field_without_a_declaration_is_refused():
    @dataclass
    class Forgotten:
        count: int = 3

    with pytest.raises(TypeError, match=r"Forgotten\.count declares no range"):
        declare.rules_of(Forgotten)


NUMBERS = [key for key, rule in ranges.declared().items() if "number" in rule.says and "list" not in rule.says]


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e18, True, "x"])
def test_no_number_takes_nonsense(key, value):
    line = ranges.declared()[key].problem(key, value)
    assert line and line.startswith(key) and "\n" not in line


# Every value was accepted by `plan`, `doctor` and the start of a run, and broke after hours or never.
OUTSIDE = [
    "evolution.iterations=-1",
    "evolution.iterations=0",
    "evolution.max_attempts=0",
    "evolution.kill_grace_s=-1",
    "seed=-1",
    "coder.samples=0",
    "coder.samples=-3",
    "solver.votes=0",
    "solver.label_votes=-1",
    "stage.steps=0",
    "stage.steps=-1",
    "stage.save_every=0",
    "solver.train.steps=-2",
    "proposer.train.rows=0",
    "proposer.train.prompts_per_update=0",
    "coder.train.prompts_per_step=0",
    "coder.train.max_response_tokens=0",
    "coder.filter.target_rows=-5",
    "coder.filter.attempt_budget=0",
    "coder.filter.window=[0.9,0.1]",
    "coder.filter.window=[0.5]",
    "coder.filter.window=[]",
    "coder.filter.window=[0.1,nan]",
    "coder.filter.window=[0.1,1.5]",
    "solver.filter.hard_consistency=[0.9,0.1]",
    "solver.filter.hard_consistency=[0.2,0.4,0.6]",
    "solver.filter.easy_min=5",
    "solver.filter.easy_min=nan",
    "solver.filter.proposals=0",
    "solver.filter.target_rows=0",
    "optim.lr=-1",
    "optim.lr=0",
    "optim.lr=nan",
    "optim.lr=inf",
    "optim.betas=[0.9]",
    "optim.betas=[0.9,1.0]",
    "optim.grad_clip=0",
    "optim.weight_decay=-0.1",
    "kl.type=foo",
    "kl.type=full",
    "kl.coef=-1",
    "failures.max_fraction=2",
    "failures.max_fraction=-1",
    "failures.max_retries=-1",
    "failures.timeout_s=0",
    "clip.low=-0.2",
    "clip.high=0",
    "clip.dual=1",
    "solver.sampling.train.temperature=0",
    "proposer.sampling.train.top_k=1",
    "coder.sampling.peer.temperature=-1",
    "solver.sampling.train.top_p=1.5",
    "solver.sampling.judge.top_p=0",
    "solver.sampling.label.top_k=-2",
    "proposer.topics=[]",
    'proposer.topics=[""]',
    "coder.prompt_fields=[]",
    "coder.prompt_fields=[caption,caption]",
    "coder.languages=[]",
    "image.max_pixels=-1",
    "image.min_pixels=0",
    "checks.blind.fraction=2",
    "proposer.solvability_cap=-1",
    "proposer.content_type.threshold=1",
    "proposer.diversity.memory=-1",
    "proposer.diversity.weights.caption=-1",
    "coder.floor=3",
    "loggers=[foo]",
    "loggers=[]",
    "loggers=[console,console]",
    "dump.samples_per_step=-1",
    "model.image_patch_size=0",
    "model.name=''",
    "hardware.nodes=0",
    "hardware.gpus_per_node=0",
    "hardware.most_replicas=0",
    "hardware.stages.coder.train_nodes=0",
    "hardware.stages.coder.peer_tensor_parallel=0",
    "hardware.stages.coder.tensor_parallel=0",
    "hardware.stages.coder.micro_batch=0",
    "hardware.stages.coder.gpu_memory_utilization=1.5",
    "hardware.stages.collect_coder.in_flight=-4",
    "watchdog.step_s=-1",
    "watchdog.startup_s=0",
    "alarms.window=0",
    "alarms.leak_rate_max=2",
    "alarms.kl_max=nan",
    "render.timeout_s=nan",
    "run_dir=",
    "prompts.coder=",
]


@pytest.mark.parametrize("override", OUTSIDE)
def test_value_outside_its_range_is_one_line(override):
    key = override.partition("=")[0]
    with pytest.raises(schema.ConfigError) as caught:
        schema.load([override])
    assert f"'{key}'" in str(caught.value) or f"{key} " in str(caught.value), "the line names the key"
    assert "\n" not in str(caught.value)


TOGETHER = [
    (
        [*GPU, "proposer.train.prompts_per_step=20", "proposer.train.prompts_per_update=20"],
        "80 roll-outs.*3 training GPUs",
    ),
    ([*GPU, "solver.train.max_prompt_tokens=512"], "a picture of the allowed size alone has"),
    (["solver.train.max_prompt_tokens=16"], "alone has 16 tokens"),
    (["image.min_pixels=100000", "image.max_pixels=50000"], "image.min_pixels=100000 is larger"),
    (["image.min_pixels=10", "image.max_pixels=50"], "less than one token of 28 x 28"),
    (["coder.samples=1"], r"coder\.samples=1: no row can pass coder\.filter\.window"),
    (["coder.samples=2", "coder.filter.mode=window", "coder.filter.window=[0.6,0.9]"], "no row can pass"),
    (["coder.samples=1", "coder.filter.mode=variance"], "needs different codes"),
    (["coder.sampling.collect.temperature=0"], "greedy coder.sampling.collect"),
    (["solver.label_votes=1"], r"solver\.label_votes=1: no row can pass solver\.filter\.hard_consistency"),
    (["solver.label_votes=2", "solver.filter.hard_consistency=[0.6,0.9]"], "no row can pass"),
    (["solver.sampling.label.temperature=0"], "greedy solver.sampling.label"),
    (["solver.sampling.judge.top_k=1"], "greedy solver.sampling.judge"),
    (["solver.label_mode=program"], "solver.label_mode=program: only Python computes answers"),
    (["verify.program=true"], "verify.program=true: only Python computes answers"),
    (["proposer.unknown_penalty=0.5"], "unknown_penalty=0.5 counts what readers of the caption call unknown"),
    (["rewards=verified", "verify.caption=false"], "verify.caption=false asks none"),
    (["rewards=verified", "solver.sampling.judge.top_k=1", "solver.votes=1"], "verify.votes=5 equal answers"),
    (["solver.label_mode=caption", "solver.sampling.label.top_k=1", "solver.label_votes=1"], "."),
    (["coder.filter.target_rows=9", "coder.filter.min_rows=10"], "more than coder.filter.target_rows=9"),
    (["coder.filter.attempt_budget=9", "coder.filter.min_rows=10"], "more than coder.filter.attempt_budget=9"),
    (["solver.filter.proposals=9", "solver.filter.min_rows=10"], "more than solver.filter.proposals=9"),
    (["solver.filter.target_rows=9", "solver.filter.min_rows=10"], "more than solver.filter.target_rows=9"),
    (["alarms.hard_consistency_min=0.8", "alarms.hard_consistency_max=0.2"], "is above"),
    (["adapter.kl_anchor=base"], "kl_anchor=base without adapters.*set tuning=lora_base"),
    (["tuning=lora", "optim.lr=0.5"], "optim.lr=0.5 times adapter.lr_factor=10 is 5"),
    (["tuning=lora", "adapter.targets=[all-linear,q_proj]"], "all-linear stands alone"),
    (["tuning=lora", "adapter.exclude='(('"], "is no expression"),
    ([*GPU, "hardware.stages.solver.tensor_parallel=8"], "tensor_parallel=8: .* 28 attention heads and 4 key-value"),
    ([*GPU, "hardware.stages.coder.coder_gpus=4"], "coder_gpus=4: coder asks solver; leave it out"),
    ([*GPU, "hardware.stages.solver.solver_gpus=4"], "solver_gpus=4: solver asks nobody"),
    ([*GPU, "hardware.stages.collect_coder.train_gpus=1"], "train_gpus=1: a collection trains nobody"),
]


@pytest.mark.parametrize(("words", "line"), TOGETHER)
def test_settings_that_cannot_work_together(words, line):
    with pytest.raises(schema.ConfigError, match=line) as caught:
        schema.load(words)
    assert "\n" not in str(caught.value)


ACCEPTED = [
    ["coder.samples=1", "coder.filter.mode=off"],
    ["coder.samples=1", "coder.filter.window=[0,1]"],
    ["solver.label_votes=1", "solver.filter.hard_consistency=[0.25,1]"],
    ["solver.label_votes=2", "solver.filter.hard_consistency=[0.5,0.5]"],
    ["coder.filter.window=[0.5,0.5]"],
    ["solver.sampling.train.top_p=1", "solver.sampling.train.top_k=0"],
    ["solver.sampling.judge.temperature=0", "solver.votes=1"],
    ["optim.betas=[0,0]", "clip.low=1", "kl.coef=0", "kl.type=k3+"],
    ["failures.max_fraction=1", "failures.max_retries=0", "checks.blind.fraction=0"],
    ["loggers=[file]", "dump.samples_per_step=0", "evolution.kill_grace_s=0"],
    [*GPU, "proposer.train.prompts_per_step=21", "proposer.train.prompts_per_update=21"],  # 84 = 3 x 28
    ["solver.train.max_prompt_tokens=17"],
    ["tuning=lora", "optim.lr=0.1", "adapter.exclude=null", "adapter.targets=[q_proj,v_proj]"],
    [*GPU, "hardware.stages.solver.tensor_parallel=4"],
]


@pytest.mark.parametrize("words", ACCEPTED)
def test_edge_of_a_range_is_inside(words):
    schema.load(words)


def test_template_that_shows_a_hidden_field(tmp_path):
    """Was found by the first row, inside a reward worker."""
    file = tmp_path / "coder.txt"
    file.write_text("Draw {hard_answer}")
    with pytest.raises(schema.ConfigError, match=r"prompts\.coder shows \{hard_answer\}"):
        schema.load([f"prompts.coder={file}"])


@pytest.mark.parametrize(
    ("override", "meant"),
    [("loggers=[console,wandbb]", "wandb"), ("kl.type=low_var_k", "low_var_kl"), ("coder.judge=solvr", "solver")],
)
def test_choice_names_the_nearest(override, meant):
    with pytest.raises(schema.ConfigError, match=rf"did you mean '{meant}'"):
        schema.load([override])


# A value of another type got the words of the library that reads it, without what the key may be.
TYPES = [
    ("seed=1.5", "must be a whole number from 0 to"),
    ("seed=null", "must be a whole number from 0 to"),
    ("optim.betas=0.9", "must be a list of 2 items"),
    ("coder.languages=svg", "must be a list of 1 or more different items, each one of svg, python, got 'svg'"),
    ("coder.languages=[svg,null]", "may hold svg and python, not None"),
    ("coder.filter.window=[a,b]", "must be [low, high]"),
    ("watchdog.step_s=null", "must be a number above 0, got None"),
    ("solver.filter.require_hard_answer=2", "must be true or false, got 2"),
    ("verify.caption=1", "must be true or false, got 1"),
    ("checks.blind.fraction={}", "'checks.blind.fraction' must be a number from 0 to 1, got {}"),
]


@pytest.mark.parametrize(("word", "line"), TYPES)
def test_value_of_another_type_says_what_the_key_may_be(word, line):
    with pytest.raises(schema.ConfigError) as caught:
        schema.load([word])
    assert line in str(caught.value) and f"'{word.partition('=')[0]}'" in str(caught.value)


TEXTS = [
    ("optim.lr='1e-5'", "optim.lr", 1e-5),  # in a typed block
    ("render.timeout_s=${oc.env:MMZERO_TEST_SECONDS}", "render.timeout_s", 5),  # in a plain one
    ("render.workers='2'", "render.workers", 2),
    ("verify.min_seen='4e-1'", "verify.min_seen", 0.4),
    ("verify.caption='false'", "verify.caption", False),
    ("verify.caption=yes", "verify.caption", True),
    ("solver.filter.require_hard_answer=yes", "solver.filter.require_hard_answer", True),
]


@pytest.mark.parametrize(("word", "key", "value"), TEXTS)
def test_a_text_is_read_alike_in_every_block(word, key, value, monkeypatch):
    monkeypatch.setenv("MMZERO_TEST_SECONDS", "5")
    read = OmegaConf.select(schema.load([word]), key)
    assert read == value and type(read) is type(value)
