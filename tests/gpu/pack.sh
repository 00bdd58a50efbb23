#!/usr/bin/env bash
# Pack what a GPU machine without network lacks, into .gpu/{1,2,...} of this checkout. Run on a machine with network.
#
#   bash tests/gpu/pack.sh
#
# Needs: Python 3.9+ with pip, xz, tar, libcairo2 and fonts-dejavu-core, 3 GB of disk, about ten minutes on two cores.
# Environment: SM (90: generation of the GPU), PARTS_MIB (61: largest part), TINY (folder of the tiny base), PYTHON, WORK
# (/tmp/mmzero-pack), REUSE=1 (keep archives of an earlier run that WORK still holds; remove those that changed), SLIM=no
# (vLLM's libraries as they are: 25 MiB more, if a driver should refuse the slimmed ones).
# What is packed runs on x86-64 Linux, glibc >= this machine's, Python 3.12, torch 2.11.0 for CUDA 13.
set -euo pipefail
trap 'echo "error: line $LINENO failed" >&2' ERR
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../.." && pwd)
work=${WORK:-/tmp/mmzero-pack}
sm=${SM:-90}
site=$work/site-packages
die() { echo "error: $*" >&2; exit 1; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }

[[ $(uname -m) == x86_64 ]] || die "pack on x86-64"
python=${PYTHON:-$project/.venv/bin/python}
[[ -x $python ]] || python=$(command -v python3)
for program in xz tar strip; do command -v $program >/dev/null || die "$program is missing"; done
tiny=${TINY:-$(ls -dt ~/.cache/mmzero/tiny-*/ 2>/dev/null | sed -n 1p)}
[[ -f $tiny/config.json ]] || die "no tiny base: run 'mmzero tiny build' or set TINY"
rm -rf "$site" "$work/root" && mkdir -p "$work/wheels" "$site" "$work/root"

# 1. packages for Python 3.12
platforms=()
for n in 5 12 17 18 24 26 27 28 31 34 35; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
target=(--no-deps --only-binary=:all: --python-version 3.12 --implementation cp "${platforms[@]}" --platform manylinux2014_x86_64 --platform manylinux1_x86_64)
pip=("$python" -m pip --disable-pip-version-check --quiet)
say "downloading"
for wheel in vllm==0.24.0 ray==2.60.0; do
  ls "$work/wheels/${wheel%%==*}-${wheel##*==}"-*.whl >/dev/null 2>&1 || "${pip[@]}" download "${target[@]}" -d "$work/wheels" "$wheel"
done
"${pip[@]}" install "${target[@]}" --no-compile --target "$site" -r "$here/packages.txt"
"${pip[@]}" install --no-deps --no-compile --target "$site" antlr4-python3-runtime==4.9.3 # pure Python, no wheel
rm -rf "$work/source" && mkdir -p "$work/source/mmzero" # builds leave folders behind
cp -r "$project/examples/install/flash-attn-torch" "$work/source/"
"${pip[@]}" install --no-deps --no-compile --target "$site" "$work/source/flash-attn-torch"

# 2. vLLM: only machine code of this GPU; without the FlashAttention that it does not use (3 on Hopper, 2 elsewhere),
#    mixture of experts, quantisation, the Rust front end
say "slimming vLLM"
if [[ $sm == 90 ]]; then attention=fa3 other=fa2; else attention=fa2 other=fa3; fi
how=(--sm "$sm" --no-ptx)
[[ ${SLIM:-} != no ]] || how=(--untouched)
"$python" "$here/slim_wheel.py" "$work"/wheels/vllm-*.whl "$site" "${how[@]}" --drop vllm/vllm-rs "*_vllm_${other}_C*" \
  '*_moe_C_stable*' '*_flashmla*' '*_qutlass*' '*/include/*' 'vllm/third_party/deep_gemm/*' \
  'vllm/third_party/fmha_sm100/*' 'vllm/benchmarks/*' '*.js' '*.css' '*.jpg'

# 3. Ray: the core, one node, no dashboard pages
"$python" - "$work"/wheels/ray-*.whl "$site" <<'PY'
import sys, zipfile, pathlib
libraries = ("rllib", "data", "serve", "tune", "train", "air", "llm")  # none is imported by the core or by verl
leave = ("ray/jars/", "ray/cpp/", "ray/dashboard/client/", *(f"ray/{name}/" for name in libraries))
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for item in wheel.infolist():
        if not item.is_dir() and not item.filename.startswith(leave):
            path = pathlib.Path(wheel.extract(item, sys.argv[2]))
            if item.external_attr >> 16 & 0o111:
                path.chmod(0o755)
PY
strip -s "$site"/ray/_raylet.so "$site"/ray/core/src/ray/gcs/gcs_server "$site"/ray/core/src/ray/raylet/raylet

# 4. the project's metadata: its entry points load the plug-in; the code is the checkout's own
git -C "$project" archive HEAD | tar x -C "$work/source/mmzero"
rm -rf "$work/mmzero" && "${pip[@]}" install --no-deps --no-compile --target "$work/mmzero" "$work/source/mmzero"
cp -r "$work"/mmzero/mmzero-*.dist-info "$site"/

# 5. not needed to run
rm -rf "$site"/bin "$site"/tests "$site"/tvm_ffi/3rdparty
find "$site" -name hadamards.safetensors -delete # of a quantisation scheme
find "$site" -depth -type d \( -name __pycache__ -o -name tests -o -name test -o -name examples \) -path '*/*/*' \
  ! -path '*/numpy/*' ! -path '*/tvm_ffi/*' -exec rm -rf {} +
find "$site" -type f \( -name '*.pyc' -o -name '*.map' -o -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.cuh' \
  -o -name '*.cu' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.a' \) -delete
find "$site" -name '*.so*' -type f ! -path '*/vllm/*' -size +200k -exec strip --strip-unneeded {} + 2>/dev/null || true

# 6. what is no Python: the libraries of cairo, fonts, the tiny base
root=$work/root
mkdir -p "$root/lib" "$root/fonts" "$root/models"
cairo=$(ldconfig -p | awk '/libcairo\.so\.2 .*x86-64/ && !found {found = $NF} END {print found}')
[[ -n $cairo ]] || die "libcairo.so.2 is missing here: apt-get install libcairo2"
cp -L "$cairo" "$root/lib/"
ldd "$cairo" | awk '$3 ~ /^\// {print $3}' | grep -vE '/(libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\+\+)\.so' |
  xargs -I{} cp -L {} "$root/lib/"
cp /usr/share/fonts/truetype/dejavu/DejaVu{Sans,Sans-Bold,SansMono}.ttf "$root/fonts/" || die "apt-get install fonts-dejavu-core"
cp -r "$tiny" "$root/models/tiny"
ldd --version | sed -n '1s/.* //p' >"$root/glibc"

# 7. archives, similar files together, and parts
say "compressing (minutes)"
rm -rf "$project/.gpu" && mkdir -p "$project/.gpu" "$work/archives"
[[ ${REUSE:-} ]] || rm -f "$work"/archives/*
pack() { # NAME FOLDER FILTER FILE...
  [[ ! -f $work/archives/$1.tar.xz ]] || return 0
  (cd "$2" && tar c --sort=name --owner=0 --group=0 --mtime=@0 "${@:4}") | nice xz $3 -c >"$work/archives/$1.part" &&
    mv "$work/archives/$1.part" "$work/archives/$1.tar.xz"
}
code="--x86 --lzma2=preset=9e,dict=128MiB"
text="--lzma2=preset=9e,dict=64MiB"
mapfile -t natives < <(cd "$site" && find . -type f \( -name '*.so*' -o -perm -100 -size +200k \) ! -path './vllm/*' ! -path './ray/_raylet.so' ! -path './ray/core/src/*' | sort)
printf '%s\n' "${natives[@]}" >"$work/natives"
(
  pack ray-binaries "$site" "$code" ray/core/src/ray/gcs/gcs_server ray/core/src/ray/raylet/raylet ray/_raylet.so
  pack natives "$site" "$code" -T "$work/natives"
) &
(
  pack vllm-attention "$site" "$text" "vllm/vllm_flash_attn/_vllm_${attention}_C.abi3.so"
  pack vllm-c "$site" "$code" vllm/_C_stable_libtorch.abi3.so vllm/cumem_allocator.abi3.so vllm/spinloop.abi3.so vllm/_rust_tool_parser.abi3.so
) &
wait
pack python "$site" "$text" --exclude=ray/core/src/ray/gcs/gcs_server --exclude=ray/core/src/ray/raylet/raylet \
  --exclude=ray/_raylet.so --exclude='vllm/*.so' --exclude='vllm/vllm_flash_attn/*.so' --exclude-from="$work/natives" .
pack root "$root" "$text" .

limit=$((${PARTS_MIB:-61} * 1048576)) part=1 filled=0
parts=$work/parts && rm -rf "$parts" && mkdir -p "$parts"
for archive in "$work"/archives/*.tar.xz; do
  count=$((($(stat -c %s "$archive") + limit - 1) / limit)) name=$(basename "$archive")
  if ((count == 1)); then
    cp "$archive" "$parts/"
  else # a piece per part: NAME.tar.xz.1of2
    split -n "$count" --numeric-suffixes=1 -a 1 --additional-suffix="of$count" "$archive" "$parts/$name."
  fi
done
while read -r size file; do
  if ((filled && filled + size > limit)); then part=$((part + 1)) filled=0; fi
  mkdir -p "$project/.gpu/$part"
  cp "$parts/$file" "$project/.gpu/$part/"
  filled=$((filled + size))
done < <(cd "$parts" && stat -c '%s %n' -- * | sort -rn)
rm -rf "$parts"
echo "$sm" >"$project/.gpu/sm"
say "done"
(cd "$project" && du -ab --max-depth=2 .gpu | awk '$2 ~ /xz/ {printf "%7.2f MiB  %s\n", $1 / 1048576, $2}')
for folder in "$project"/.gpu/[0-9]*; do printf 'part %s: %.1f MiB\n' "${folder##*/}" "$(du -sb "$folder" | awk '{print $1 / 1048576}')"; done
