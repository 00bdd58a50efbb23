"""The words of a command line: what is no setting, blocks, paths as a shell hands them over, and parts of verl."""

import pytest

from recipe.mmzero.settings import schema

WRONG = [
    ("=3", "names no key"),
    ("nonsense", "write key=value"),
    ("foo=", "unknown config key 'foo';"),  # nothing is near enough to guess
    ("alarms.foo=1", "unknown config key 'alarms.foo';"),
    ("evolution=3", "'evolution' is a block of settings, got 3; set evolution.iterations"),
    ("evolution=null", "is a block of settings, got None"),
    ("proposer.train=3", "'proposer.train' is a block"),
    ("coder.sampling.peer=1", "'coder.sampling.peer' is a block"),
    ("hardware.stages.coder=2", "'hardware.stages.coder' is a block"),
    ("kl=3", "'kl' is a block"),
    ("verl=3", "'verl' is a block"),
    ("verl.all=5", "'verl.all' is a block of verl's settings"),
    ("verl.codr.trainer.save_freq=1", r"'verl.codr' is no part of a run (did you mean 'verl.coder'?)"),
    ("verl.collect_coder.trainer.save_freq=1", "'verl.collect_coder' is no part of a run"),
    ("seed=${foo}", "'seed': Interpolation key 'foo' not found"),
    ("run_dir=${foo}", "'run_dir': Interpolation key 'foo' not found"),
    ("${foo}", "write key=value"),
    ("seed=1,2", "start one run for each"),
    ("seed=a b'", "needs quotes of its own"),
    ("proposer.topics=[a", "needs quotes of its own"),
    ("run_dir=   ", "'run_dir' must be the folder of the run"),
    ("run_dir=~nobody_here/x", "write the whole path"),
    ("ablation=leek", "did you mean 'leak'"),
    ("model=qwen2.5_vl_7b", "did you mean 'qwen2_5_vl_7b'"),
    ("rewards=[paper,default]", "config group 'rewards' has no '[paper,default]'; choose one of default, paper"),
    ("rewards=null", "config group 'rewards' has no 'null'"),
    ("reward=paper", "did you mean 'rewards'?"),
    ("ablations=leak", "did you mean 'ablation'?"),
    ("~render.workers", "'~render.workers': a run needs every key"),
    ("~model", "'~model': a run needs every key"),
    ("model@x=tiny", "names no key"),
    ("hydra.run.dir=/x", "names no key"),
    ("prompts=null", "'prompts' is a block of settings, got 'null'; set prompts.<role>"),
    ("seed=3=4", "'seed=3=4' cannot be read"),
    ("coder.filter.window={0:1}", "'coder.filter.window={0:1}': Cannot merge"),
    ("trainer.save_freq=1", "'trainer' is a block of verl's own settings: write verl.all.trainer.KEY=..."),
    ("actor_rollout_ref.rollout.n=4", "write verl.all.actor_rollout_ref.KEY=..."),
]


@pytest.mark.parametrize(("word", "line"), WRONG)
def test_wrong_word_is_one_line(word, line):
    with pytest.raises(schema.ConfigError) as caught:
        schema.load([word])
    assert line in str(caught.value) and "\n" not in str(caught.value) and "++" not in str(caught.value)


@pytest.mark.parametrize(
    "folder",
    [
        "runs/a b",
        "it's",
        'say "x"',
        "a=b",
        "a(b",
        "a{b}",
        "a#b",
        "a~b",
        "a,b",
        "[x]",
        "ä ö",
        "a\\b",
        "x\\",
        "a:b",
        "100",
        "null_",
        "a'b\\'",
    ],
)
def test_run_dir_is_taken_as_it_stands(folder):
    assert schema.load([f"run_dir={folder}"]).run_dir == folder


def test_quotes_of_the_user_are_not_doubled():
    assert schema.load(["run_dir='runs/a b'"]).run_dir == "runs/a b"


def test_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = schema.load(["run_dir=~/runs/x", "model.path=~/models/m"])
    assert (config.run_dir, config.model.path) == (f"{tmp_path}/runs/x", f"{tmp_path}/models/m")


def test_interpolation_in_a_path_still_works():
    assert schema.load(["run_dir=runs/seed_${seed}", "seed=7"]).run_dir == "runs/seed_7"


@pytest.mark.parametrize("plus", ["+", "++"])
def test_hydras_plus_changes_nothing(plus):
    config = schema.load([f"{plus}seed=3", f"{plus}ablation=leak"])
    assert (config.seed, config.coder.leak_penalty) == (3, 0.0)


def test_the_word_that_cannot_be_read_is_named():
    with pytest.raises(schema.ConfigError, match=r"^'seed=1,2' is a list of runs"):
        schema.load(["seed=1", "seed=1,2"])
