"""The command line as a stranger meets it: help, versions, one line per mistake, exit codes."""

import io
import json
import os
import shlex
import subprocess
import sys

import pytest
import yaml

from recipe.mmzero import cli
from recipe.mmzero.settings import schema

KEYED = ("run", "plan", "config", "doctor")


def call(capsys, *words):
    code = cli.main(list(words))
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_and_version(command, capsys):
    code, out, err = call(capsys, command, "--help")
    assert code == 0 and not err and out.startswith(f"usage: mmzero {command}")
    assert ("prompts_per_step" in out) == (command in KEYED), "commands that take keys list them"
    code, out, err = call(capsys, command, "--version")
    assert code == 0 and out.startswith("mmzero ")


def test_top_level(capsys):
    code, out, _ = call(capsys, "--help")
    assert code == 0
    for command, (_, summary) in cli.COMMANDS.items():
        assert [line for line in out.splitlines() if line.split() == [command, *summary.split()]]
    assert call(capsys, "--version")[:2] == call(capsys, "run", "--version")[:2]
    assert call(capsys)[0] == 2


WRONG = [
    (["rnu"], "did you mean 'run'?"),
    (["run", "--from="], "the step name is empty"),
    (["run", "--from", ""], "the step name is empty"),
    (["run", "--until="], "the step name is empty"),
    (["run", "--iterations", "0"], "at least 1"),
    (["run", "--iterations", "x"], "at least 1"),
    (["run", "--on-mismatch", "perhaps"], "invalid choice"),
    (["run", "--fro", "x"], "unrecognized arguments"),
    (["plan", "--foo"], "unrecognized arguments"),
    (["doctor", "--foo"], "unrecognized arguments"),
    (["doctor", "--hardware="], "hardware=NAME is empty"),
    (["doctor", "verl.all=5"], "'verl.all' is a block"),
    (["report"], "required: RUN_DIR"),
    (["report", "--foo"], "required: RUN_DIR"),
    (["report", ""], "the run folder is empty"),
    (["status"], "required: RUN_DIR"),
    (["status", "a", "b"], "unrecognized arguments"),
    (["clean"], "required: RUN_DIR"),
    (["tiny", "evil"], "invalid choice"),
    (["plan", "proposer.train.prompts_per_update=0"], "proposer.train.prompts_per_update"),
    (["config", "seed=x"], "'seed'"),
    (["plan", "model=qwen2_5_vl_7b"], "the cpu profile cannot hold qwen2_5_vl_7b"),
    (["run", "model=qwen2_5_vl_7b"], "choose hardware=..."),
    (["plan", "verl.all.trainer.save_freqq=1"], "did you mean 'trainer.save_freq'?"),
    (["run", "run_dir=/proc/foo"], "run_dir=/proc/foo cannot be made"),
    (["run", "model.path=/no/such/folder"], "model.path=/no/such/folder: there is no such folder"),
]


@pytest.mark.parametrize(("words", "line"), WRONG)
def test_wrong_use_is_one_line(words, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert code == 2 and not out
    assert err.startswith("error: ") and err.count("\n") == 1 and line in err
    assert not os.listdir(tmp_path), "nothing was started"
    assert "error: model: model.path" not in err and "disk" not in err


def test_an_end_with_a_line_is_no_traceback(capsys):
    code, _, err = call(capsys, "tiny", "eval", "nowhere")
    assert code == 1 and err == "error: no model in nowhere: config.json is missing\n"


def test_options_stand_anywhere(capsys):
    code, out, _ = call(capsys, "plan", "evolution.iterations=1", "--commands", "stage.steps=7")
    assert code == 0 and "total_training_steps: 7" in out and "iter_02" not in out


def test_hours_of_what_does_not_fit_say_so(capsys):
    code, out, _ = call(capsys, "plan", "model=qwen2_5_vl_7b", "hardware=gpu1x24", "evolution.iterations=1")
    assert code == 0 and "FAIL  memory proposer: qwen2_5_vl_7b does not fit" in out
    code, out, _ = call(capsys, "plan", "model=qwen2_5_vl_3b", "hardware=gpu1x24", "evolution.iterations=1")
    assert code == 0 and "FAIL" not in out


def test_commands_can_be_pasted_and_name_their_inputs(capsys, tmp_path):
    folder = str(tmp_path / "a b'c")
    code, out, _ = call(capsys, "plan", "--commands", "evolution.iterations=1", f"run_dir={folder}")
    commands = [shlex.split(line[2:]) for line in out.splitlines() if line.startswith("+ python -m recipe")]
    assert code == 0 and len(commands) == 5
    assert commands[0][-1] == f"{folder}/iter_01/proposer/step.yaml"
    paths = [line.split("path: ")[1] for line in out.splitlines() if line.strip().startswith("path: /")]
    assert not [line for line in out.splitlines() if line.strip() in ("path: base", "path: iter_01/coder")]
    assert paths, "the model of each stage is a folder"


def test_config_says_where_values_come_from(capsys):
    words = [
        "model=qwen3_vl_4b",
        "hardware=gpu8x80",
        "rewards=paper",
        "ablation=leak",
        "optim.lr=2e-6",
        "stage.steps=7",
    ]
    code, out, _ = call(capsys, "config", *words)
    assert code == 0
    assert yaml.safe_load(out) == json.loads(json.dumps(plain(schema.load(words)))), "what is printed is what is used"
    source = {line.split("#")[0].strip(): line.split("# ")[-1] for line in out.splitlines() if "# " in line}
    assert source["lr: 2.0e-06"] == "command line"
    assert source["no_render: zero"] == "rewards/paper.yaml"
    assert source["leak_penalty: 0.0"] == "ablation/leak.yaml"
    assert source["kind: gpu"] == "hardware/gpu8x80.yaml"
    assert source["family: qwen3_vl"] == "model/qwen3_vl_4b.yaml"
    assert source["dual: 3.0"] == "mmzero.yaml"
    assert source["leak_rate_max: 0.1"] == "settings/types"
    assert "follows stage.steps" in source["steps: 7"] or source["steps: 7"] == "command line"


def plain(config):
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True)


def test_clean_asks_first(capsys, tmp_path, monkeypatch):
    cleaning = pytest.importorskip("recipe.mmzero.run.clean", reason="the clean-up of run folders is not there yet")
    (tmp_path / "state.json").write_text("{}")
    removed = []
    monkeypatch.setattr(cleaning, "removable", lambda run_dir: [(tmp_path / "x", 3 << 20, "superseded")])
    monkeypatch.setattr(cleaning, "remove", lambda *arguments: removed.append(arguments))
    code, out, err = call(capsys, "clean", str(tmp_path))
    assert code == 2 and "3.0 MiB" in out and "give --yes" in err and not removed
    assert call(capsys, "clean", str(tmp_path), "--yes")[0] == 0 and removed == [(tmp_path, [tmp_path / "x"])]


def test_clean_refuses_what_is_no_run(capsys, tmp_path):
    code, _, err = call(capsys, "clean", str(tmp_path))
    assert code == 2 and "is no run folder" in err


def mmzero(*words, **options):
    """A process of its own: (exit code, both streams)."""
    command = [sys.executable, "-m", "recipe.mmzero.cli", *words]
    found = {"PYTHONPATH": os.getcwd()} | options.pop("env", {})
    done = subprocess.run(command, capture_output="stdout" not in options, text=True, env=os.environ | found, **options)
    return done.returncode, (done.stdout or "") + (done.stderr or "")


def test_an_output_that_is_full_is_one_line():
    with open("/dev/full", "w", encoding="utf-8") as full:
        code, said = mmzero("--help", stdout=full, stderr=subprocess.PIPE)
    assert code == 1 and said == "error: No space left on device; free the disk\n"


def test_a_current_folder_that_was_removed_is_one_line(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"rmdir {gone}; exec {sys.executable} -m recipe.mmzero.cli plan"
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    done = subprocess.run(["sh", "-c", words], cwd=gone, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the current folder was removed; cd to one that exists\n"


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path):
    folder = tmp_path / "\N{LATIN SMALL LETTER E WITH ACUTE}"
    folder.mkdir()
    (folder / "state.json").write_text('{"format": 1, "steps": {}}')
    code, said = mmzero("clean", str(folder), env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"})
    assert (code, said) == (0, f"{tmp_path}/\\xe9: nothing to remove\n")


def test_clean_without_an_answer_removes_nothing(tmp_path, capsys, monkeypatch):
    (tmp_path / "state.json").write_text('{"format": 1, "steps": {}}')
    (tmp_path / "a.part").touch()
    monkeypatch.setattr(sys, "stdin", None)  # closed
    code, _, err = call(capsys, "clean", str(tmp_path))
    assert code == 2 and "give --yes" in err
    monkeypatch.setattr(sys, "stdin", Ended())
    code, out, _ = call(capsys, "clean", str(tmp_path))
    assert code == 1 and out.endswith("nothing removed\n") and (tmp_path / "a.part").exists()


class Ended(io.StringIO):
    """A terminal where Ctrl-D was pressed."""

    def isatty(self):
        return True


def test_a_folder_whose_name_begins_with_a_dash(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, "status", "--", "-run")
    assert code == 1 and err.startswith("error: -run is not a folder")


@pytest.mark.parametrize(
    "words, said",
    [
        (["eval", ""], "the checkpoint is empty"),
        (["eval", "m", "--out="], "the folder is empty"),
        (["eval", "m", "--only="], "a list without a name"),  # it would be all benchmarks
        (["tiny", "build", "--steps=0"], "at least 1"),  # it would be the default
        (["tiny", "build", "--out="], "the folder is empty"),
        (["tiny", "build", "--out=."], "exists; give a folder that does not"),
    ],
)
def test_an_empty_word_never_means_all_or_here(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert code == 2 and not out and said in err and err.count("\n") == 1
