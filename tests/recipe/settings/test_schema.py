"""The typed configuration: every mistake is one line that names the key and the way out."""

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from mmzero_env import RenderConfig
from recipe.mmzero.settings import prompts, schema
from recipe.mmzero.settings.checks import keys

UNKNOWN = [
    ("stpes=3", None),  # top level; nothing there resembles it enough to be sure which
    ("see=3", "seed"),
    ("proposer.train.step=3", "proposer.train.steps"),  # typed block
    ("render.tiemout_s=3", "render.timeout_s"),  # block that the YAML lists
    ("+render.tiemout_s=3", "render.timeout_s"),  # Hydra's + does not get past it
    ("image.max_pixel=3", "image.max_pixels"),
    ("failures.max_fractoin=0.1", "failures.max_fraction"),
    ("grading.symbolik=true", "grading.symbolic"),
    ("proposer.diversity.mesure=bleu", "proposer.diversity.measure"),
    ("proposer.diversity.weights.captoin=1", "proposer.diversity.weights.caption"),  # three levels down
    ("coder.sampling.peers.top_k=3", "coder.sampling.peer"),
    ("coder.sampling.peer.topk=3", "coder.sampling.peer.top_k"),
    ("checks.blind.fracton=0.5", "checks.blind.fraction"),
    ("model.pth=/m", "model.path"),
    ("model.architecture.layer=3", "model.architecture.layers"),
    ("hardware.gpus=4", None),
    ("hardware.stages.codr.train_gpus=1", "hardware.stages.coder"),
    ("hardware.stages.coder.tensor_paralel=2", "hardware.stages.coder.tensor_parallel"),
    ("alarms.on_alrm=stop", "alarms.on_alarm"),
    ("dump.sample_per_step=3", "dump.samples_per_step"),
    ("clip.hihg=0.3", "clip.high"),
]


@pytest.mark.parametrize(("override", "meant"), UNKNOWN)
def test_unknown_key_names_the_nearest(override, meant):
    with pytest.raises(schema.ConfigError) as caught:
        schema.load([override])
    message = str(caught.value)
    assert message.startswith("unknown config key '") and "\n" not in message
    if meant:
        assert f"did you mean '{meant}'?" in message


WRONG = [
    ("seed=abc", "'seed'"),  # type
    ("solver.train.steps=x", "'solver.train.steps'"),
    ("coder.judge=nobody", "coder.judge"),  # choice
    ("hardware.peers=together", "standalone, colocated"),
    ("model=qwen9", "qwen2_5_vl_7b"),  # group: lists what there is
    ("ablation=leek", "leak"),
    ("coder.prompt_fields=[caption,answer]", "'answer'"),
    ("solver.train.rollouts=1", "groups of at least 2"),
    ("solver.train.prompts_per_step=7", "multiple"),
    ("coder.filter.min_rows=1", "coder.filter.min_rows"),
    ("render.timeout_s=-1", "render.timeout_s"),  # checked by the renderer's own types
    ("render.background=blurple", "render.background"),
    ("proposer.diversity.measure=rouge", "proposer.diversity.measure"),  # checked by the rewards' own types
    ("hardware.stages.solver.train_gpus=0", "hardware.stages.solver.train_gpus"),
    ("hardware.stages.coder.solver_gpus=0", "hardware.stages.coder.solver_gpus"),
    ("hardware.stages.coder.train_gpus=9", "hardware.stages.coder"),  # more than the node has
    ("hardware.stages.coder.train_nodes=2", "train_nodes"),
    ("hardware.stages.coder.tensor_parallel=2", "tensor_parallel"),
    ("hardware.stages.collect_solver.solver_gpus=7", "uses 9 GPUs; the profile has 8"),
    ("nonsense", "nonsense"),
]


@pytest.mark.parametrize(("override", "part"), WRONG)
def test_wrong_value_is_one_line(override, part):
    with pytest.raises(schema.ConfigError) as caught:
        schema.load([override])
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_key_that_a_profile_leaves_out_is_settable():
    config = schema.load(["hardware.stages.coder.param_offload=true", "verl.all.trainer.save_freq=7"])
    assert config.hardware.stages.coder.param_offload is True
    assert config.verl["all"].trainer.save_freq == 7


def test_result_is_resolved_and_read_only():
    config = schema.load(["stage.steps=3"])
    assert config.solver.train.steps == 3, "train.steps follows stage.steps"
    with pytest.raises(ReadonlyConfigError):
        config.seed = 1


def test_a_resolved_config_can_be_loaded_again():
    config = schema.load(["model=tiny", "hardware=cpu"])
    assert schema.check(OmegaConf.create(OmegaConf.to_yaml(config, resolve=True))) == config


def test_own_prompt_templates_come_from_files(tmp_path):
    mine = tmp_path / "coder.txt"
    mine.write_text("Paint this:\n{fields}\n")
    usual = prompts.templates(schema.load(["model=tiny"]))
    own = prompts.templates(schema.load(["model=tiny", f"prompts.coder={mine}"]))
    assert own.coder == "Paint this:\n{fields}" and own.solver == usual.solver


@pytest.mark.parametrize("text, message", [(None, "No such file"), ("no placeholder", r"\{fields\}")])
def test_useless_prompt_template(tmp_path, text, message):
    file = tmp_path / "coder.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(schema.ConfigError, match=rf"prompts\.coder.*{message}"):
        schema.load([f"prompts.coder={file}"])


def test_several_nodes_need_an_address():
    with pytest.raises(schema.ConfigError, match=r"hardware\.ray_address"):
        schema.load(["hardware=multinode"])
    with pytest.raises(schema.ConfigError, match=r"10\.0\.0\.1 is not HOST:PORT"):
        schema.load(["hardware=multinode", "hardware.ray_address=10.0.0.1"])
    config = schema.load(["hardware=multinode", "hardware.ray_address=10.0.0.1:6379"])
    assert config.hardware.stages.solver.train_nodes == 2


def test_colocated_memory_shares_stay_below_one():
    with pytest.raises(schema.ConfigError, match=r"add up to 1\.26"):
        schema.load(["hardware=gpu1x80", "hardware.stages.proposer.gpu_memory_utilization=0.7"])


def test_render_block_is_the_renderers():
    listed = OmegaConf.to_container(schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80"]).render)
    assert listed == vars(RenderConfig()), (
        "config/mmzero.yaml and mmzero_env.RenderConfig have the same keys and defaults"
    )


@pytest.mark.parametrize(
    ("key", "valid", "found"),
    [
        ("a.stesp", ["a.steps", "b.stesp2"], "a.steps"),  # the same block first
        ("a.rollouts", ["b.rollouts", "a.rows"], "b.rollouts"),  # right name, wrong block
        ("a.xyzzy", ["a.steps", "b.rows"], None),  # nothing close: no guess
    ],
)
def test_nearest(key, valid, found):
    assert keys.nearest(key, valid) == found


def test_open_block_takes_any_key():
    assert list(keys.unknown({"verl": {"x": {"y": 1}}, "a": {"b": 1, "c": 2}}, {"verl": {}, "a": {"b": 0}})) == ["a.c"]


def test_home_means_the_same_in_every_path(tmp_path, monkeypatch):
    """Shells leave `~` behind `key=` as it is, and so do profiles; loop, doctor and model reader must not differ."""
    from recipe.mmzero.machine.base_model import base_folder
    from recipe.mmzero.machine.model_folder import locate

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "solver.txt").write_text("{question}")
    config = schema.load(["run_dir='~/run'", "model.path='~/model'", "prompts.solver='~/solver.txt'"])
    assert config.run_dir == str(tmp_path / "run") and config.prompts.solver == str(tmp_path / "solver.txt")
    assert base_folder(config) == tmp_path / "model" == locate(config.model.path, False).folder
    with pytest.raises(schema.ConfigError, match=r"run_dir=~nobody_here/x: no such user"):
        schema.load(["run_dir='~nobody_here/x'"])
