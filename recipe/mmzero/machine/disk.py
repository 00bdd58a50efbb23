"""GiB on disk that a run needs. Pure; the doctor compares it with the machine, and the README states it.

P parameters. Bytes of one checkpoint as verl 0.9.1 writes it with FSDP2, and what was measured on the tiny model
(P = 1,185,728; tests/recipe/machine/test_disk.py measures one that is made in the test):

    master weights      4 P      4.04 P      fp32
    two moments         8 P      8.08 P      fp32
    exported model      4 P      4.01 P      fp32, actor/huggingface; at the last step only

`hf/` is a copy of the export (4 P). While a stage runs it keeps KEPT_CHECKPOINTS checkpoints, the one that is being
written among them; when it is done its checkpoints go, unless stage.keep=all.

Not covered: the base model in the Hugging Face cache, and pictures and rows of a run (FILES is room for them).
"""

from dataclasses import dataclass

from omegaconf import DictConfig

from recipe.mmzero.settings.layout import ROLES
from recipe.mmzero.settings.verl_config import KEPT_CHECKPOINTS

GIB = 2**30
WEIGHTS, MOMENTS, EXPORT = 4, 8, 4  # bytes per parameter
CHECKPOINT = WEIGHTS + MOMENTS
TINY_PARAMETERS = 1_200_000
FILES = 2.0  # GiB: room for pictures, rows, metrics and logs of a run


@dataclass(frozen=True)
class Disk:
    """GiB. `stage`: of one training stage at its largest; `kept`: of a finished one; `run`: of a whole run at its
    largest; `left`: of a finished run."""

    stage: float
    kept: float
    run: float
    left: float


def of_run(config: DictConfig) -> Disk:
    """What this configuration needs."""
    architecture = config.model.architecture
    parameters = int(architecture.parameters) if architecture else TINY_PARAMETERS
    return of_sizes(parameters, len(ROLES) * int(config.evolution.iterations), config.stage.keep == "all")


def of_sizes(parameters: int, stages: int, keep_all: bool = False) -> Disk:
    """
    Args:
        parameters: of the model.
        stages: training stages of the run.
        keep_all: checkpoints of finished stages stay.
    """
    whole = (KEPT_CHECKPOINTS * CHECKPOINT + 2 * EXPORT) * parameters / GIB
    kept = whole if keep_all else EXPORT * parameters / GIB
    return Disk(whole, kept, (stages - 1) * kept + whole + FILES, stages * kept + FILES)
