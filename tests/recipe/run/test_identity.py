"""Which setting decides which stage: declared for every leaf of the configuration, and noticed by step and shards."""

import json

import pytest
from omegaconf import OmegaConf

from recipe.mmzero.engine.collect.settings import from_config
from recipe.mmzero.run.record import decides, identity
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import STAGES

PROPOSER, COLLECT_CODER, CODER, COLLECT_SOLVER, SOLVER = STAGES
COMPOSITIONS = [
    [],
    ["rewards=paper"],
    ["model=qwen2_5_vl_7b", "hardware=gpu8x80"],
    ["model=qwen3_vl_4b", "hardware=multinode", "hardware.ray_address=a:1", "verl.all.trainer.save_freq=1"],
]


@pytest.fixture(scope="module")
def config():
    return schema.load([])


def changed(config, **values):
    """The configuration with other values, as if they had passed the checks."""
    other = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    for key, value in values.items():
        OmegaConf.update(other, key, value, force_add=True)
    return other


def other_value(value):
    """A value that differs; what it means does not matter here."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x"


def noticed_by(config, key):
    """The stages whose identity differs when a leaf does."""
    before = identity.leaves(config)
    other = changed(config, **{key: other_value(before[key])})
    return [stage for stage in STAGES if identity.decisive(config, stage) != identity.decisive(other, stage)]


@pytest.mark.parametrize("words", COMPOSITIONS, ids=lambda words: " ".join(words) or "default")
def test_every_leaf_says_what_it_decides(words):
    """A new key without a line in decides.py fails here."""
    silent = [key for key in identity.leaves(schema.load(words)) if decides.said(key) is None]
    assert silent == []


def test_a_leaf_that_says_nothing_is_found_and_decides_everything(config):
    other = changed(config, **{"novelty.depth": 2})
    assert [key for key in identity.leaves(other) if decides.said(key) is None] == ["novelty.depth"]
    assert all("novelty.depth" in identity.decisive(other, stage) for stage in STAGES)


def test_nothing_is_declared_that_does_not_exist(config):
    """A line for a key that was renamed would be dead."""
    known = {".".join(key.split(".")[:n]) for key in schema.known_keys() for n in range(1, 6)}
    assert [key for key in decides.DECIDES if key not in known] == []
    asked = schema.load(["verify.caption=true"])
    texts = {key for key in identity.decisive(asked, PROPOSER) if key.startswith("template.")}
    assert texts == set(decides.TEMPLATES)


def test_evidence_beside_the_picture_decides_where_it_is_asked_for(config):
    judging = [PROPOSER, COLLECT_CODER, CODER]
    asked, labelled = schema.load(["verify.caption=true"]), schema.load(["solver.label_mode=caption"])
    both = schema.load(["rewards=verified"])
    for key in ("verify.votes", "verify.max_tokens"):
        assert [noticed_by(one, key) for one in (config, asked, labelled)] == [[], judging, [COLLECT_SOLVER]]
        assert noticed_by(both, key) == DRAWING

    def differ(one, other):
        return [s for s in STAGES if identity.decisive(one, s) != identity.decisive(other, s)]

    assert differ(config, schema.load(["solver.label_mode=shuffled"])) == [SOLVER], "collects as offline does"
    assert differ(config, labelled) == [COLLECT_SOLVER, SOLVER] and differ(config, asked) == judging
    assert differ(config, schema.load(["solver.programs=3"])) == []


DRAWING = [PROPOSER, COLLECT_CODER, CODER, COLLECT_SOLVER]
EXPECTED = [
    *((f"render.{name}", DRAWING) for name in ("max_elements", "max_aspect", "max_declared_side", "max_depth")),
    *((f"render.{name}", DRAWING) for name in ("max_text_chars", "scratch_mb", "timeout_s", "cpu_s", "memory_mb")),
    *((f"render.{name}", DRAWING) for name in ("max_code_bytes", "max_side", "min_side", "background", "blank")),
    ("render.workers", []),
    ("render.cache_mb", []),
    ("seed", list(STAGES)),
    ("checks.blind.fraction", [COLLECT_SOLVER]),  # what is later follows from its rows
    ("model.path", []),  # the base's files are an input of its own
    ("model.image_patch_size", [SOLVER]),
    ("coder.judge", []),
    ("coder.samples", [PROPOSER, COLLECT_CODER]),
    ("coder.filter.min_rows", [COLLECT_CODER]),
    ("coder.leak_penalty", [COLLECT_CODER, CODER]),
    ("coder.difficulty_weight", [COLLECT_CODER, CODER]),
    ("proposer.difficulty", [PROPOSER, COLLECT_CODER, CODER]),
    ("solver.filter.easy_min", [COLLECT_SOLVER]),
    ("solver.votes", [PROPOSER, COLLECT_CODER, CODER]),
    ("solver.sampling.train.temperature", [SOLVER]),
    ("solver.sampling.label.top_k", [COLLECT_SOLVER]),
    ("solver.format_weight", [SOLVER]),
    ("proposer.diversity.lambda", [PROPOSER]),
    ("proposer.sampling.collect.top_p", [COLLECT_CODER, COLLECT_SOLVER]),
    ("proposer.train.rollouts", [PROPOSER]),
    ("optim.lr", [PROPOSER, CODER, SOLVER]),
    ("kl.coef", [PROPOSER, CODER, SOLVER]),
    ("clip.dual", [PROPOSER, CODER, SOLVER]),
    ("image.max_pixels", list(STAGES)),
    ("failures.max_fraction", []),
    ("hardware.gpus_per_node", []),
    ("watchdog.step_s", []),
    ("stage.save_every", []),
    ("stage.keep", []),
    ("alarms.on_alarm", []),
]


@pytest.mark.parametrize(("key", "stages"), EXPECTED)
def test_a_setting_is_noticed_where_it_decides_and_nowhere_else(config, key, stages):
    assert noticed_by(config, key) == stages


@pytest.mark.parametrize("role", ["all", "proposer", "coder", "solver"])
def test_raw_settings_count_as_one_value(config, role):
    other = changed(config, **{f"verl.{role}.actor_rollout_ref.rollout.dtype": "float16"})
    noticed = [s for s in STAGES if identity.decisive(config, s) != identity.decisive(other, s)]
    assert noticed == (list(STAGES) if role == "all" else [role])


def test_blind_fraction_decides_the_proposer_where_it_pays_for_it():
    paid = schema.load(["proposer.blind_penalty=0.2"])
    assert noticed_by(paid, "checks.blind.fraction") == [PROPOSER, COLLECT_SOLVER]


@pytest.mark.parametrize(
    ("role", "stages"),
    [
        ("proposer", [PROPOSER, COLLECT_CODER, COLLECT_SOLVER]),
        ("coder", [PROPOSER, COLLECT_CODER, CODER, COLLECT_SOLVER]),
        ("solver", list(STAGES)),
    ],
)
def test_a_template_decides_the_stages_whose_role_or_peers_use_it(tmp_path, config, role, stages):
    own = tmp_path / "own.txt"
    own.write_text("{topic} {fields} {question} in other words")
    other = schema.load([f"prompts.{role}={own}"])
    assert [s for s in STAGES if identity.decisive(config, s) != identity.decisive(other, s)] == stages
    copy = tmp_path / "copy.txt"
    copy.write_text(own.read_text())
    renamed = schema.load([f"prompts.{role}={copy}"])
    assert all(identity.decisive(renamed, s) == identity.decisive(other, s) for s in STAGES), "the text, not its path"


@pytest.mark.parametrize("stage", [COLLECT_CODER, COLLECT_SOLVER])
def test_shards_notice_exactly_what_their_rows_depend_on(config, stage):
    """Every leaf that decides a collection and does not only select is in the identity of its shards."""

    def of_shards(one):
        return json.dumps(from_config(one, stage).identity(stage, 7, 1), sort_keys=True)

    for key, value in identity.leaves(config).items():
        if stage not in decides.decided(config, key) or not isinstance(value, int | float):
            continue
        # another value within the range of the key
        value = not value if isinstance(value, bool) else value + 5 if isinstance(value, int) else value / 2 or 0.5
        noticed = of_shards(changed(config, **{key: value})) != of_shards(config)
        assert noticed == (not decides.selects(key, stage)), key


def test_an_unfinished_collection_may_select_in_another_way(config):
    settings = identity.decisive(config, COLLECT_CODER)
    kept = identity.unfinished(settings, COLLECT_CODER)
    assert {"coder.filter.window", "coder.filter.target_rows", "coder.penalty.no_code"} <= settings.keys() - kept.keys()
    assert "render.max_elements" in kept and "coder.sampling.collect.top_p" in kept
    assert identity.unfinished(identity.decisive(config, CODER), CODER) == identity.decisive(config, CODER)
