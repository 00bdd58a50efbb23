"""A run folder: the name of everything in it, and the id of a step.

    RUN_DIR/state.json config.yaml lock alarms.jsonl forecast.json held_out.json report.html figures/ logs/ replaced/
    RUN_DIR/iter_01/coder/step.yaml ... hf/ adapter/ checkpoints/ samples/ a training step
    RUN_DIR/iter_01/collect_coder/step.yaml ... train.parquet shards/      a collection

Standard library only: engine, report and loop read it alike. Not covered: what is in the files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DAMAGED = ".damaged"
"""End of the name of something that could not be read and was set aside."""
_ITERATION = re.compile(r"iter_(\d{1,6})")
_ATTEMPT = re.compile(r"(?:checkpointed|metrics)\.attempt([0-9]+)\.jsonl")


def step_id(iteration: int, stage: str) -> str:
    """
    >>> step_id(1, "coder")
    'iter_01/coder'
    """
    return f"iter_{iteration:02d}/{stage}"


def iteration_of(name: str) -> int | None:
    """Number of the iteration in a step's id or folder name; None if it is neither.

    >>> iteration_of("iter_03/coder"), iteration_of("iter_12"), iteration_of("replaced")
    (3, 12, None)
    """
    found = _ITERATION.fullmatch(name.partition("/")[0])
    return int(found[1]) if found else None


def stage_of(name: str) -> str:
    """
    >>> stage_of("iter_01/collect_coder")
    'collect_coder'
    """
    return name.rpartition("/")[2]


@dataclass(frozen=True)
class StepFolder:
    """`RUN_DIR/iter_01/coder`. Files of a training step and of a collection; none needs to exist."""

    path: Path

    @property
    def id(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def run(self) -> "RunFolder":
        return RunFolder(self.path.parents[1])

    @property
    def description(self) -> Path:
        """What the stage process is told: step, inputs, configuration."""
        return self.path / "step.yaml"

    @property
    def verl_config(self) -> Path:
        return self.path / "verl.yaml"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def topics(self) -> Path:
        """The Proposer's training rows."""
        return self.path / "topics.parquet"

    @property
    def ordered_rows(self) -> Path:
        """The training rows in the order of their use."""
        return self.path / "rows.parquet"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / "hf"

    @property
    def adapter(self) -> Path:
        """The trained adapter (adapters.py)."""
        return self.path / "adapter"

    @property
    def first_adapter(self) -> Path:
        """The adapter before training, where it is not that of an earlier stage."""
        return self.path / "adapter_before"

    def peer_addresses(self, role: str) -> Path:
        """Where a frozen role answers while this stage runs, one address a line."""
        return self.path / f"peer_{role}.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """verl's metrics of all attempts, one line per GRPO step."""
        return self.path / "metrics.jsonl"

    def attempt_metrics(self, attempt: int) -> Path:
        """verl truncates its file on a resume, so each attempt has its own."""
        return self.path / f"metrics.attempt{attempt:02d}.jsonl"

    def checkpointed_metrics(self, attempt: int) -> Path:
        """What an attempt knew of a step when it wrote that step's checkpoint; verl logs the step only afterwards."""
        return self.path / f"checkpointed.attempt{attempt:02d}.jsonl"

    def all_attempt_metrics(self) -> list[Path]:
        """Those that exist, oldest attempt first; of one attempt, what it knew at a checkpoint comes first.

        Only names of ours: a user's copy, `metrics.attempt01.old.jsonl`, is no attempt.
        """
        named = [(_ATTEMPT.fullmatch(path.name), path) for path in self.path.glob("*.attempt*.jsonl")]
        found = [(int(name[1]), path.name, path) for name, path in named if name]
        return [path for _, _, path in sorted(found)]

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def sample_pictures(self) -> Path:
        return self.samples / "images"

    @property
    def rows(self) -> Path:
        """What a collection hands to the training stage after it."""
        return self.path / "train.parquet"

    @property
    def proposals(self) -> Path:
        return self.path / "proposals.parquet"

    @property
    def drawings(self) -> Path:
        return self.path / "drawings.parquet"

    @property
    def peers(self) -> Path:
        """What asking the peers took, one line per attempt."""
        return self.path / "peers.jsonl"

    @property
    def labels(self) -> Path:
        """What the Solver's answers say about every row of a collection, kept or not."""
        return self.path / "labels.parquet"

    @property
    def truth(self) -> Path:
        """What is true of the rows of a collection, where that is known."""
        return self.path / "truth.json"

    @property
    def pictures(self) -> Path:
        return self.path / "images"

    @property
    def shards(self) -> Path:
        return self.path / "shards"

    @property
    def judged(self) -> Path:
        """Shards of the variance pass."""
        return self.shards / "judged"

    @property
    def text_views(self) -> Path:
        """Shards of the answers from captions."""
        return self.shards / "text_views"


@dataclass(frozen=True)
class RunFolder:
    """`RUN_DIR`; nothing in it needs to exist."""

    path: Path

    @property
    def state(self) -> Path:
        """The journal."""
        return self.path / "state.json"

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def lock(self) -> Path:
        """Held and signed by the process that works on the run."""
        return self.path / "lock"

    @property
    def alarms(self) -> Path:
        return self.path / "alarms.jsonl"

    @property
    def forecast(self) -> Path:
        """What was predicted of each step before it started."""
        return self.path / "forecast.json"

    @property
    def held_out(self) -> Path:
        """Rates of the checkpoints on held-out scenes, where truth is known."""
        return self.path / "held_out.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def card(self) -> Path:
        """What ran, as Markdown. Not README.md, which is the user's."""
        return self.path / "RUN.md"

    @property
    def comparison_card(self) -> Path:
        return self.path / "COMPARISON.md"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def log(self, step: str, attempt: int) -> Path:
        return self.logs / f"{step.replace('/', '-')}.attempt{attempt:02d}.log"

    @property
    def warm_log(self) -> Path:
        return self.logs / "warm.log"

    @property
    def all_replaced(self) -> Path:
        """Folders of steps that were run again."""
        return self.path / "replaced"

    def free_replaced(self, step: str) -> Path:
        """A name that is not taken, for the folder of a step that is run again."""
        number = 1
        while (target := self.all_replaced / f"{step.replace('/', '-')}.{number}").exists():
            number += 1
        return target

    def step(self, step: str) -> StepFolder:
        return StepFolder(self.path / step)

    def steps(self) -> Iterator[StepFolder]:
        """Folders under those of the iterations, in the order of their names."""
        for path in sorted(self.path.glob("iter_*/*")):
            if iteration_of(path.parent.name) is not None and path.is_dir():
                yield StepFolder(path)


def sibling(run_dir: str | Path) -> str:
    """The first free run folder of `RUN_DIR-2`, `RUN_DIR-3`, ..."""
    number = 2
    while Path(f"{run_dir}-{number}").exists():
        number += 1
    return f"{run_dir}-{number}"
