"""`mmzero doctor`: can this machine run this profile? Each line is OK, WARN or FAIL with its remedy; exit 1 on a FAIL.

    mmzero doctor hardware=gpu8x80 model=qwen2_5_vl_7b          everything, with the plug-in check (seconds)
    mmzero doctor --brief                                       only WARN and FAIL and one summary line

`require(config)` is the part that `mmzero run` needs before it starts; it raises instead of printing. The arithmetic of
what fits is capacity.py's, the facts of the machine are machine.py's, those of a checkpoint model_folder.py's.
"""

from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero import machine, model_folder, schema
from recipe.mmzero.machine import FAIL, OK, Check
from recipe.mmzero.schema import ConfigError


def require(config: DictConfig) -> None:
    """What must hold before a run starts: engine version, devices, model, disk, folders.

    Raises:
        ConfigError: the first thing that does not hold, in one line with the remedy.
    """
    for check in essentials(config):
        if check.level == FAIL:
            raise ConfigError(f"{check.name}: {check.text}" + (f"; {check.remedy}" if check.remedy else ""))


def essentials(config: DictConfig):
    """The checks of `require`, cheapest first, one after the other."""
    yield from (check for check in machine.versions(config.hardware.kind) if check.name in ("verl", "torch", "vllm"))
    yield devices(config)
    yield model(config)
    yield machine.folder_writable(Path(config.run_dir))


def devices(config: DictConfig) -> Check:
    """The GPUs of the profile against those of this node."""
    hardware = config.hardware
    if hardware.kind == "cpu":
        return Check("devices", OK, "none needed (hardware.kind=cpu)")
    found = machine.gpus()
    wanted = int(hardware.gpus_per_node)
    if len(found) < wanted:
        have = f"this machine has {len(found)}" if found else "this machine has none (nvidia-smi lists no GPU)"
        return Check(
            "GPUs",
            FAIL,
            f"profile {hardware.name} needs {wanted} GPUs of {hardware.gpu_memory_gb:g} GB on each node, {have}",
            "choose another hardware= profile (hardware=cpu needs none) or another machine",
        )
    small = [gpu for gpu in found[:wanted] if gpu.memory_gb < 0.95 * float(hardware.gpu_memory_gb)]
    if small:
        return Check(
            "GPUs",
            FAIL,
            f"profile {hardware.name} needs {hardware.gpu_memory_gb:g} GB each, "
            f"found {small[0].memory_gb:.0f} GB ({small[0].name})",
            "choose a hardware= profile for this card, for example gpu8x40",
        )
    return Check("GPUs", OK, f"{len(found)} x {found[0].name}, {found[0].memory_gb:.0f} GB")


def model(config: DictConfig) -> Check:
    """The base checkpoint: where it is, and whether it is a vision-language model with all its parts."""
    try:
        found = model_folder.locate(str(config.model.path), bool(config.model.get("allow_download", True)))
        if found.folder is None:
            return Check("model", OK, f"{config.model.path}: {found.note}")
        model_folder.inspect(found.folder, config.model.family)
    except model_folder.ModelError as error:
        return Check("model", FAIL, str(error))
    return Check("model", OK, f"{config.model.path}: vision tower, processor, chat template and weights are there")


def main(arguments: list[str]) -> int:
    """The command; returns the exit code."""
    brief = "--brief" in arguments
    config = schema.load([word.removeprefix("--") for word in arguments if word != "--brief"])
    checks = list(essentials(config))
    for check in checks:
        if not brief or check.level != OK:
            print(check.line())
    return int(machine.worst(checks) == FAIL)
