"""Other ways to deal a stage's GPUs out: which of them fit, and how long the stage would take with each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.machine.capacity import account, model_of
from recipe.mmzero.machine.forecast.predict import Forecast, predict
from recipe.mmzero.machine.forecast.workload import gpu_counts, layout_with
from recipe.mmzero.settings.checks.layout import PEERS


@dataclass(frozen=True)
class Better:
    """Settings with less time. `counts`: key of hardware.stages.<stage> -> GPUs; {}: the overlap of a Proposer step;
    `gain`: today's seconds / theirs."""

    stage: str
    counts: Mapping[str, int]
    forecast: Forecast
    gain: float

    @property
    def overrides(self) -> str:
        """As words of a command line."""
        if not self.counts:
            return "proposer.overlap=1"
        return " ".join(f"hardware.stages.{self.stage}.{key}={count}" for key, count in self.counts.items())


LEAST_GAIN = 1.02  # a smaller difference is less than the model knows


def better(
    config: DictConfig, name: str, inputs: Mapping[str, str], factors: Mapping[str, float] | None = None
) -> Better | None:
    """The fastest other split of the stage's GPUs that fits them, if it gains at least 2%.

    None, too, where the split is no choice: a machine without GPUs, peers on the trainer's, a stage with one group.
    """
    hardware = config.hardware
    if hardware.kind != "gpu" or hardware.peers != "standalone" or not PEERS[name]:
        return None
    today = predict(config, name, inputs, factors)
    if today is None:
        return None
    best: Better | None = None
    for counts in splits(config, name):
        if not all(part.fits for part in account(model_of(config), layout_with(config, name, counts))):
            continue
        found = predict(config, name, inputs, factors, counts)
        gain = today.seconds / found.seconds
        if gain >= LEAST_GAIN and (best is None or gain > best.gain):
            best = Better(name, counts, found, gain)
    return best


def splits(config: DictConfig, name: str) -> Iterator[dict[str, int]]:
    """Every way to deal all GPUs out to the trainer and its peers in whole servers.

    The trainer gets a divisor of an update's samples (verl pads a batch to a common multiple of both) and whole nodes
    or a part of one; on several nodes it keeps its number of nodes.
    """
    total = int(config.hardware.nodes) * int(config.hardware.gpus_per_node)
    today = gpu_counts(config, name)
    keys = list(today)
    for cuts in combinations(range(1, total), len(keys) - 1):
        counts = dict(zip(keys, (b - a for a, b in zip((0, *cuts), (*cuts, total), strict=True)), strict=True))
        if counts != today and _possible(config, name, counts):
            yield counts


def _possible(config: DictConfig, name: str, counts: Mapping[str, int]) -> bool:
    layout = config.hardware.stages[name]
    if any(count % layout.peer_tensor_parallel for key, count in counts.items() if key != "train_gpus"):
        return False
    train = counts.get("train_gpus")
    if train is None:
        return True
    settings = config[name].train
    samples = settings.prompts_per_update * settings.rollouts
    per_node, rest = divmod(train, layout.train_nodes)
    fits = not rest and per_node <= config.hardware.gpus_per_node and not train % layout.tensor_parallel
    return fits and not samples % train


def overlapped(
    config: DictConfig, name: str, inputs: Mapping[str, str], factors: Mapping[str, float] | None = None
) -> Better | None:
    """The Proposer's stage with one step of overlap, if it gains at least 2%; None for another stage, too."""
    if name != "proposer" or config.proposer.overlap or config.hardware.peers != "standalone":
        return None
    ahead = OmegaConf.create(OmegaConf.to_container(config))
    ahead.proposer.overlap = 1
    today, found = predict(config, name, inputs, factors), predict(ahead, name, inputs, factors)
    if today is None or found is None or today.seconds / found.seconds < LEAST_GAIN:
        return None
    return Better(name, {}, found, today.seconds / found.seconds)
