#!/usr/bin/env bash
# Unpack .gpu/ (pack.sh) on a GPU machine without network and see whether everything imports:
#
#   bash tests/gpu/unpack.sh         about 30 s; again: nothing to unpack, the same checks
#
# Writes MMZERO_GPU_WORK (/tmp/mmzero-gpu): site-packages, lib, models, env.sh, which run.sh takes by itself; after
# `source /tmp/mmzero-gpu/env.sh`, `python -m recipe.mmzero.cli` is `mmzero`. As root also /usr/share/fonts/mmzero and
# /etc/ld.so.conf.d/mmzero.conf. Environment: PYTHON (python3).
set -euo pipefail
work=${MMZERO_GPU_WORK:-/tmp/mmzero-gpu} python=${PYTHON:-python3}
die() { echo "unpack FAILED: $*" >&2; exit 1; }
say() { printf '%3ds  %s\n' "$SECONDS" "$*"; }
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ls .gpu/[0-9]*/*.tar.xz* >/dev/null 2>&1 || die "no .gpu/ beside the checkout: make it with tests/gpu/pack.sh"

# 1. is this the machine that was packed for?
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || die "nvidia-smi finds no GPU"
"$python" - <<'PY' || die "wrong Python or torch, see the line above"
import sys, torch
assert sys.version_info[:2] == (3, 12), f"Python {sys.version.split()[0]}, packed for 3.12"
assert torch.__version__.split("+")[0] == "2.11.0", f"torch {torch.__version__}, packed for 2.11.0"
sm = int(open(".gpu/sm").read())
assert torch.cuda.is_available(), "torch sees no GPU"
assert torch.cuda.get_device_capability() == divmod(sm, 10), f"{torch.cuda.get_device_capability()}, packed for sm_{sm}"
PY

# 2. unpack, one process per archive
mkdir -p "$work/site-packages" "$work/t"
running=()
for name in $(printf '%s\n' .gpu/[0-9]*/*.tar.xz* | sed 's#.*/##; s#\.tar\.xz.*##' | sort -u); do
  [[ -f $work/.$name ]] && continue
  mapfile -t pieces < <(printf '%s\n' .gpu/[0-9]*/"$name".tar.xz* | awk -F/ '{print $NF "\t" $0}' | sort | cut -f2)
  of=$(sed -n 's/.*of\([0-9]*\)$/\1/p' <<<"${pieces[0]}")
  if ((${#pieces[@]} != ${of:-1})); then echo "$name: ${#pieces[@]} of $of pieces are here"; continue; fi
  to=$work/site-packages && [[ $name == root ]] && to=$work
  (cat "${pieces[@]}" | "$python" -c 'import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|xz").extractall(sys.argv[1], filter="fully_trusted")' "$to" && touch "$work/.$name") &
  running+=($!)
done
for job in "${running[@]:-}"; do [[ -z $job ]] || wait "$job" || die "an archive could not be unpacked"; done
say "unpacked: $(du -sm "$work/site-packages" | cut -f1) MiB"
for name in python natives ray-binaries vllm-c vllm-attention root; do
  [[ -f $work/.$name ]] || die "the archive '$name' is not here yet: bring the other parts, then run this again"
done

# 3. cairo and fonts where the renderer's sandbox may read them (a folder named site-packages, system library and font
#    folders); the renderer starts with an empty environment, so variables would not reach it
if ! "$python" -c 'import ctypes; ctypes.CDLL("libcairo.so.2")' 2>/dev/null; then
  if [[ $(id -u) == 0 ]]; then
    echo "$work/lib" >/etc/ld.so.conf.d/mmzero.conf && ldconfig
  else
    echo "note: not root: LD_LIBRARY_PATH only, the doctor and the renderer will not find cairo"
  fi
fi
fonts=/usr/share/fonts/mmzero && [[ -w /usr/share ]] || fonts=$HOME/.local/share/fonts
if [[ -z $(find /usr/share/fonts "$HOME/.local/share/fonts" -name DejaVuSans.ttf 2>/dev/null) ]]; then
  mkdir -p "$fonts" && cp "$work"/fonts/* "$fonts"/
fi

# 4. the environment of all commands
cat >"$work/env.sh" <<SH
export PYTHONPATH=$PWD:$work/site-packages PYTHONUNBUFFERED=1 TMPDIR=$work/t
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
export RAY_USAGE_STATS_ENABLED=0 VLLM_DO_NOT_TRACK=1
unset PYTHONDONTWRITEBYTECODE
SH
[[ $(id -u) == 0 ]] || echo "export LD_LIBRARY_PATH=$work/lib:\${LD_LIBRARY_PATH:-}" >>"$work/env.sh"
source "$work/env.sh"

# 5. compile once, not in every process; the imports below overlap with it
(nice "$python" -m compileall -q -j 12 "$work/site-packages" recipe mmzero_env mmzero_rewards >/dev/null 2>&1 || true) &
compiling=$!

# 6. layers of the sandbox in this kernel; without one of them: best effort
if layers=$("$python" -m mmzero_env doctor 2>&1); then sandbox=strict; else sandbox=best_effort; fi
echo "$layers" | tail -12
echo "export MMZERO_SANDBOX=$sandbox" >>"$work/env.sh"

# 7. everything that the server, the trainer and the loop import
"$python" - <<'PY' || die "an import failed, see the line above"
import importlib, time
for name in ("torch", "vllm", "vllm._C_stable_libtorch", "vllm.vllm_flash_attn", "vllm.cumem_allocator", "flash_attn",
             "ray", "verl", "vllm.v1.worker.gpu_worker", "vllm.v1.engine.async_llm", "vllm.model_executor.models.qwen2_5_vl",
             "verl.workers.rollout.vllm_rollout.vllm_async_server", "verl.workers.engine.fsdp.transformer_impl",
             "recipe.mmzero.engine.train.trainer", "recipe.mmzero.engine.collect", "mmzero_rewards.managers", "cairosvg"):
    started = time.time()
    importlib.import_module(name)
    if time.time() - started > 2:
        print(f"import {name}: {time.time() - started:.1f} s", flush=True)
from recipe.mmzero.plugin import verify
print(f"imports fine, plug-in verified: {len(verify())} registrations", flush=True)
PY
wait $compiling
say "ready: source $work/env.sh"
