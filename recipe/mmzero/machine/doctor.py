"""`mmzero doctor`: can this machine run this profile? Each line is OK, WARN or FAIL with its remedy; exit 1 on a FAIL.

    mmzero doctor hardware=gpu8x80 model=qwen2_5_vl_7b      everything, and the plug-in in a process of its own
    mmzero doctor --brief                                   only WARN and FAIL and one summary line, under 3 seconds

`require(config)` is the part that `mmzero run` needs before it starts; it raises instead of printing. The arithmetic of
what fits is capacity.py's, the facts of the machine are machine.py's, those of a checkpoint model_folder.py's.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero.machine import capacity, disk, model_folder, surroundings
from recipe.mmzero.machine import facts as machine
from recipe.mmzero.machine.facts import FAIL, OK, WARN, Check
from recipe.mmzero.machine.packages import packages
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import ROLES
from recipe.mmzero.settings.compose import group_names
from recipe.mmzero.settings.environment import inherited, stage_environment
from recipe.mmzero.settings.types.run import ConfigError

RAY_SESSION = 2.0  # GiB of TMPDIR: Ray's logs and spilled objects
TINY_HOST = 8.0  # GiB of host memory for the tiny model with its peers
# A CPU profile trains in fp32: 16 bytes per parameter (weights, gradients, two moments), of its 16 GiB.
CPU_PARAMETERS = 10**9


def main(overrides: Sequence[str], brief: bool = False) -> int:
    """The command; returns the exit code: 0 if nothing is wrong, 1 on a FAIL.

    Raises:
        ConfigError: the overrides are wrong.
    """
    config = schema.load(overrides)
    checks: list[Check] = []
    for check in examine(config, brief):
        checks.append(check)
        if check.level != FAIL and not (brief and check.level == OK):
            print(check.line(), flush=True)
    failed = [check for check in checks if check.level == FAIL]
    for check in failed:
        print(check.line(), flush=True)
    if not failed:
        warned = sum(check.level == WARN for check in checks)
        noted = f", {warned} warning{'s' if warned > 1 else ''}" if warned else ""
        print(f"doctor: {config.hardware.name} with {config.model.name}: {len(checks)} checks passed{noted}")
    return int(bool(failed))


def require(config: DictConfig) -> None:
    """What must hold before a run starts: engine, devices, model, layout, disk, folders, drawing.

    Raises:
        ConfigError: the first thing that does not hold, in one line with the remedy.
    """
    _stop_at(essentials(config))


def require_sense(config: DictConfig) -> None:
    """What cannot work on any machine, for `mmzero plan`.

    Raises:
        ConfigError: in one line with the remedy.
    """
    _stop_at([holds(config), *([raw_keys(config)] if find_spec("verl") else [])])


def _stop_at(checks: Iterable[Check]) -> None:
    for check in checks:
        if check.level == FAIL:
            said = check.text.startswith(check.name.rstrip("*"))  # the key's name opens the text already
            raise ConfigError(
                ("" if said else f"{check.name}: ") + check.text + (f"; {check.remedy}" if check.remedy else "")
            )


def essentials(config: DictConfig) -> Iterator[Check]:
    """The checks of `require`, cheapest first; each only runs if the caller went on."""
    yield holds(config)
    yield machine.python()
    yield from machine.versions(config.hardware.kind)
    yield devices(config)
    yield model(config)
    yield raw_keys(config)
    yield from fitting(config)
    yield from packages(config)
    yield machine.cairo()
    yield machine.folder_writable(Path(config.run_dir))
    yield run_disk(config)
    yield host_memory(config)
    if config.hardware.ray_address:
        yield machine.reachable(str(config.hardware.ray_address))


def examine(config: DictConfig, brief: bool) -> Iterator[Check]:
    """Every check of the doctor.

    Without the profile's GPUs only that is said in an environment that was made for another profile. Where vLLM's CUDA
    build is installed (the login node of a cluster, an image under construction) everything else is looked at as well.
    """
    sense = holds(config)
    if sense.level == FAIL:
        yield sense
        return
    present = devices(config)
    if present.level == FAIL:
        yield present
        if not machine.cuda_environment():
            return
    yield from (check for check in essentials(config) if check != present)
    yield shared_memory()
    yield temporary_disk()
    yield machine.fonts()
    yield machine.loopback_port()
    yield from surroundings.checks(config.hardware.kind, present.level != FAIL, brief)
    yield from sandbox(config)
    if not brief:
        yield plugin(config)


def holds(config: DictConfig) -> Check:
    """Is the model of a size that the kind of hardware can train at all?"""
    architecture, hardware = config.model.architecture, config.hardware
    if hardware.kind == "cpu" and architecture and architecture.parameters > CPU_PARAMETERS:
        others = [name for name in group_names("hardware") if name != hardware.name]
        size = f"{config.model.name} ({architecture.parameters / 1e9:.1f}B parameters)"
        text = f"hardware={hardware.name}: the cpu profile cannot hold {size}"
        return Check("hardware", FAIL, text, f"choose hardware=... ({', '.join(others)}), or model=tiny")
    return Check("hardware", OK, f"{hardware.name} is of the kind that {config.model.name} needs")


def devices(config: DictConfig) -> Check:
    """The GPUs of the profile against those of this node."""
    hardware = config.hardware
    if hardware.kind == "cpu":
        return Check("devices", OK, f"{os.cpu_count()} CPU cores, no GPU needed")
    found, wanted = machine.gpus(), int(hardware.gpus_per_node)
    needed = f"hardware={hardware.name} needs {wanted} GPU{'s' if wanted > 1 else ''} of {hardware.gpu_memory_gb:g} GB"
    where = " on each node" if hardware.nodes > 1 else ""
    other = "run it on such a machine, or choose another hardware= profile (hardware=cpu needs no GPU)"
    if len(found) < wanted:
        have = f"this machine has {len(found)}" if found else "this machine has none (nvidia-smi lists none)"
        return Check("GPUs", FAIL, f"{needed}{where}, {have}", other)
    smallest = min(found[:wanted], key=lambda gpu: gpu.memory_gb)
    if smallest.memory_gb < 0.95 * float(hardware.gpu_memory_gb):
        return Check("GPUs", FAIL, f"{needed}{where}, found {smallest.memory_gb:.0f} GB ({smallest.name})", other)
    return Check("GPUs", OK, f"{len(found)} x {smallest.name}, {smallest.memory_gb:.0f} GB")


def model(config: DictConfig) -> Check:
    """The base checkpoint: where it is, and whether it is a vision-language model with all its parts."""
    path = str(config.model.path)
    try:
        found = model_folder.locate(path, bool(config.model.allow_download))
        if found.folder is None:
            return Check("model", OK if path == model_folder.TINY else WARN, f"{path}: {found.note}")
        model_folder.inspect(found.folder, str(config.model.family))
    except model_folder.ModelError as error:
        return Check("model", FAIL, str(error))
    return Check("model", OK, f"{path}: vision tower, processor, chat template and weights are there")


def fitting(config: DictConfig) -> Iterator[Check]:
    """Every stage's memory per GPU, and how many requests of full length each kind of server holds."""
    sizes = capacity.model_of(config)
    for verdict in capacity.judge_all(config):
        name, tight = f"memory {verdict.stage}", verdict.tightest
        if not verdict.fits:
            remedy = (
                verdict.remedy or "no setting of this profile makes it fit: choose a larger profile or a smaller model"
            )
            yield Check(name, FAIL, f"{config.model.name} does not fit, {tight.line()}", remedy)
            continue
        layout = capacity.layout_of(config, verdict.stage)
        kinds = [peer for peer, there in ((False, layout.train_gpus), (True, layout.peer_servers)) if there]
        fewest = min(capacity.requests_at_once(sizes, layout, peer) for peer in kinds)
        yield Check(name, OK, f"{tight.line()}; every server holds {fewest} or more requests of full length")


def misfits(config: DictConfig) -> list[Check]:
    """The stages that do not fit into the profile's GPUs, whatever this machine has."""
    return [check for check in fitting(config) if check.level == FAIL]


def run_disk(config: DictConfig) -> Check:
    """Free space where the run goes, against its largest stage and against all of it."""
    needed, free = disk.of_run(config), machine.free_gb(Path(config.run_dir))
    text = (
        f"{free:.0f} GiB free at run_dir={config.run_dir}, one stage needs {needed.stage:.1f}, the run {needed.run:.1f}"
    )
    remedy = "free space, choose another run_dir, or lower evolution.iterations"
    if free < needed.stage:
        return Check("disk", FAIL, text, remedy)
    return Check("disk", WARN if free < needed.run else OK, text, remedy if free < needed.run else "")


def temporary_disk() -> Check:
    folder = tempfile.gettempdir()
    free = machine.free_gb(Path(folder))
    if free < RAY_SESSION:
        remedy = "free space or set TMPDIR"
        return Check("TMPDIR", FAIL, f"{free:.1f} GiB free at {folder}, Ray needs {RAY_SESSION:g}", remedy)
    return Check("TMPDIR", OK, f"{free:.0f} GiB free at {folder}")


def host_memory(config: DictConfig) -> Check:
    """Available host memory against the stage that needs most."""
    available, total = machine.memory_gb()
    sizes = capacity.model_of(config)
    needed, stage = TINY_HOST, "a stage"
    if sizes is not None and config.hardware.kind == "gpu":
        needed, stage = max((capacity.host_gb(sizes, capacity.layout_of(config, role)), role) for role in ROLES)
    text = f"{available:.0f} of {total:.0f} GiB available, {stage} needs about {needed:.0f}"
    if available >= needed:
        return Check("host memory", OK, text)
    if sizes is None or config.hardware.kind != "gpu":
        return Check("host memory", WARN, text, "end other programs")
    # The kernel kills the trainer half an hour into the stage, at its first checkpoint.
    remedy = "end other programs, take a machine with more memory, or offload less (hardware.stages.*.cpu_offload)"
    return Check("host memory", FAIL, text, remedy)


def shared_memory() -> Check:
    """/dev/shm carries weights to the server and Ray's objects; containers often get 64 MB."""
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return Check("/dev/shm", WARN, "missing", "mount a tmpfs there")
    free = machine.free_gb(folder)
    if free < 1.0:
        return Check("/dev/shm", WARN, f"{free:.2f} GiB free", "give the container more, for example --shm-size=8g")
    return Check("/dev/shm", OK, f"{free:.0f} GiB free")


def sandbox(config: DictConfig) -> Iterator[Check]:
    """The layers around model-written code, each tried by what it must refuse, in a process with one thread."""
    code = "import json; from mmzero_env.sandbox.wall import probe; print(json.dumps([vars(x) for x in probe()]))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    if answer.returncode:
        yield Check("sandbox", FAIL, f"the probe failed: {last_line(answer.stderr)}", "python -m mmzero_env doctor")
        return
    layers = json.loads(answer.stdout)
    missing = [layer for layer in layers if not layer["on"]]
    strict = config.render.sandbox == "strict"
    for layer in missing:
        remedy = "use a newer kernel, or render.sandbox=best_effort if the code is trusted"
        yield Check(f"sandbox {layer['name']}", FAIL if strict else WARN, f"off: {layer['detail']}", remedy)
    if not missing:
        yield Check("sandbox", OK, ", ".join(layer["name"] for layer in layers))


def raw_keys(config: DictConfig) -> Check:
    """Raw keys of verl, the user's and the profile's, against verl's configuration."""
    if not any([*config.verl.values(), config.model.verl, config.hardware.verl]):
        return Check("verl.*", OK, "no raw settings")
    from recipe.mmzero.settings.verl import config as verl_config

    try:
        verl_config.check_raw(config)
    except ConfigError as error:
        return Check("verl.*", FAIL, str(error))
    return Check("verl.*", OK, "raw settings are keys of verl")


def plugin(config: DictConfig) -> Check:
    """`plugin.verify()` in the environment of a stage, in a process of its own: it imports the trainer."""
    environment = inherited(config) | stage_environment(config)
    code = "from recipe.mmzero.plugin import verify; print(len(verify()))"
    try:
        answer = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        return Check("plug-in", FAIL, "importing the trainer took more than 300 s", "is this disk very slow?")
    if answer.returncode:
        return Check("plug-in", FAIL, last_line(answer.stderr), f"bash examples/setup_env.sh {config.hardware.kind}")
    return Check("plug-in", OK, f"{answer.stdout.split()[-1]} registrations are in place")


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
