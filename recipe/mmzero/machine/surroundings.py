"""What around the program makes a run fail or crawl, for the doctor: variables, package folders, slow kernels."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmzero_env.sandbox import paths
from recipe.mmzero.machine import vision_speed
from recipe.mmzero.machine.facts import FAIL, OK, WARN, Check

DRAWING = ("numpy", "matplotlib", "PIL", "cairosvg")  # what snippets draw with


def allocator(environment: Mapping[str, str] = os.environ) -> Check:
    """torch's expandable segments against vLLM's sleep mode, which needs memory that can be given back page by page.

    vLLM 0.24.0 switches them off around its pools if PYTORCH_CUDA_ALLOC_CONF asks for them, and does not look at the
    newer name of the same variable (vllm/device_allocator/cumem.py).
    """
    name = "PYTORCH_ALLOC_CONF"
    if "expandable_segments:true" in environment.get(name, "").lower().replace(" ", ""):
        text = f"{name} has expandable_segments:True, which the sleep mode of vLLM's servers cannot work with"
        return Check("allocator", FAIL, text, f"unset {name}")
    return Check("allocator", OK, "no expandable segments that vLLM does not know of")


def snippet_packages(search: Sequence[str] | None = None) -> Check:
    """May model-written code read the packages that it draws with? Only folders of installed packages are readable."""
    allowed = paths.readable()

    def readable(path: Path) -> bool:
        return any(path.resolve().is_relative_to(folder) for folder in allowed)

    hidden = [
        Path(folder)
        for folder in dict.fromkeys(sys.path if search is None else search)
        if folder and any(Path(folder).glob("*.dist-info")) and not readable(Path(folder))
    ]
    places = {name: importlib.util.find_spec(name) for name in DRAWING}
    missing = [name for name, spec in places.items() if spec and spec.origin and not readable(Path(spec.origin))]
    remedy = "install them into the environment itself, or into a folder named site-packages"
    if missing:
        where = Path(places[missing[0]].origin).parent.parent
        text = f"snippets cannot read {', '.join(missing)} under {where}: no Python picture can be drawn"
        return Check("packages", FAIL, text, remedy)
    if hidden:
        text = f"snippets cannot read the packages under {', '.join(map(str, hidden))}"
        return Check("packages", WARN, text, remedy)
    return Check("packages", OK, "snippets can read what they draw with")


def vision_forward() -> Check:
    """One picture's patch embedding on the GPU, in a process of its own (vision_speed.py)."""
    command = [sys.executable, "-m", vision_speed.__name__]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return Check("vision", WARN, "one picture's patch embedding took more than 120 s", "see docs/gpu.md")
    if answer.returncode:
        return Check("vision", WARN, f"could not be timed: {(answer.stderr.splitlines() or ['no message'])[-1]}")
    return vision_verdict(json.loads(answer.stdout))


def vision_verdict(found: Mapping[str, float]) -> Check:
    text = (
        f"Conv3d of one picture {1000 * found['conv3d_s']:.1f} ms, the same as a matrix product "
        f"{1000 * found['product_s']:.2f} ms"
    )
    if vision_speed.is_slow(found):
        return Check("vision", WARN, text, "this torch and cuDNN have no fast kernel for it: take another cuDNN")
    return Check("vision", OK, text)


def checks(kind: str, gpus: bool, brief: bool) -> Iterator[Check]:
    """All of them that concern this profile; `gpus`: is there a GPU to time?"""
    yield snippet_packages()
    if kind == "gpu":
        yield allocator()
        if gpus and not brief:
            yield vision_forward()
