"""GiB on disk that a run needs. Pure; the doctor compares it with the machine, and the README states it.

P parameters. Bytes of one checkpoint as verl 0.9.1 writes it with FSDP2, and what was measured on the tiny model
(P = 1,185,728; tests/recipe/machine/test_disk.py measures one that is made in the test):

    master weights      4 P      4.04 P      fp32
    two moments         8 P      8.08 P      fp32
    exported model      4 P      4.01 P      fp32, actor/huggingface; at the last step only

`hf/` is a copy of the export (4 P). While a stage runs it keeps KEPT_CHECKPOINTS checkpoints, the one that is being
written among them; when it is done its checkpoints go, unless stage.keep=all.

With adapters of a parameters a checkpoint is 12 a; a stage keeps the one that it started from and the one that it made
(4 a each), and makes `hf/` only to merge them (adapter.kl_anchor=start).

Not covered: the base model in the Hugging Face cache, and pictures and rows of a run (FILES is room for them).
"""

from dataclasses import dataclass

from omegaconf import DictConfig

from recipe.mmzero.machine.capacity import model_of
from recipe.mmzero.settings import adapters
from recipe.mmzero.settings.checks.layout import ROLES
from recipe.mmzero.settings.verl.config import KEPT_CHECKPOINTS

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
    stages, keep_all = len(ROLES) * int(config.evolution.iterations), config.stage.keep == "all"
    sizes = model_of(config)
    adapter = sizes.adapter_parameters(int(config.adapter.rank)) if sizes is not None else 0
    return of_sizes(parameters, stages, keep_all, adapter, merged=not adapters.on_one_base(config))


def of_sizes(parameters: int, stages: int, keep_all: bool = False, adapter: int = 0, merged: bool = True) -> Disk:
    """
    Args:
        parameters: of the model.
        stages: training stages of the run.
        keep_all: checkpoints of finished stages stay.
        adapter: parameters of an adapter, if that is what is trained; merged: then each stage makes a whole model, too.
    """
    trained, model = adapter or parameters, EXPORT * parameters * merged
    handed_on = (2 * EXPORT * adapter + model) if adapter else model
    whole = (KEPT_CHECKPOINTS * CHECKPOINT * trained + handed_on + (0 if adapter else model)) / GIB
    kept = whole if keep_all else handed_on / GIB
    return Disk(whole, kept, (stages - 1) * kept + whole + FILES, stages * kept + FILES)
