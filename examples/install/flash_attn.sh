# Which flash_attn the GPU environment gets (sourced by setup_env.sh, which defines die, install, repo and venv).
flash_attn=${MMZERO_FLASH_ATTN:-torch}

# flash_attn_check HOW: everything that can be wrong about the choice, before gigabytes are downloaded.
flash_attn_check() {
  case $1 in
    torch) ;;
    build)
      [[ -x ${CUDA_HOME:-}/bin/nvcc ]] || command -v nvcc >/dev/null ||
        die "MMZERO_FLASH_ATTN=build: no nvcc; install the CUDA toolkit of torch 2.11.0 (13.0), or leave MMZERO_FLASH_ATTN unset"
      flash_attn_arch >/dev/null
      ;;
    wheel)
      [[ -n ${MMZERO_FLASH_ATTN_WHEEL:-} ]] || die "MMZERO_FLASH_ATTN=wheel: set MMZERO_FLASH_ATTN_WHEEL to a file or URL"
      [[ $MMZERO_FLASH_ATTN_WHEEL == *://* || -f $MMZERO_FLASH_ATTN_WHEEL ]] ||
        die "MMZERO_FLASH_ATTN_WHEEL=$MMZERO_FLASH_ATTN_WHEEL: there is no such file"
      ;;
    *) die "MMZERO_FLASH_ATTN=$1; choose torch, build or wheel" ;;
  esac
}

# The generation to compile for: 80 also runs on 86 and 89. MMZERO_FLASH_ATTN_ARCH names it where no GPU is at hand.
flash_attn_arch() {
  local arch=${MMZERO_FLASH_ATTN_ARCH:-}
  if [[ -z $arch ]]; then
    arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | sed -n '1s/\.//p') || true
    [[ -n $arch ]] || die "MMZERO_FLASH_ATTN=build: nvidia-smi lists no GPU to compile for; set MMZERO_FLASH_ATTN_ARCH=80, 90, 100 or 120"
  fi
  case $arch in
    80 | 86 | 87 | 89) echo 80 ;;
    90 | 100 | 120) echo "$arch" ;;
    103) echo 100 ;;
    121) echo 120 ;;
    *) die "flash-attn 2 does not compile for sm_$arch (80, 86, 89, 90, 100, 120 are known); use MMZERO_FLASH_ATTN=torch" ;;
  esac
}

# flash_attn_install HOW: into the environment, whatever was there before.
flash_attn_install() {
  case $1 in
    torch)
      local copy # a build leaves folders beside its source
      copy=$(mktemp -d)
      cp -r "$repo/examples/install/flash-attn-torch" "$copy/"
      install --no-deps --reinstall-package flash-attn "$copy/flash-attn-torch"
      rm -rf "$copy"
      ;;
    build)
      local arch jobs
      arch=$(flash_attn_arch)
      # One compilation takes about 8 GiB, whatever the number of cores.
      jobs=${MAX_JOBS:-$(awk -v cores="$(nproc)" '/MemAvailable/ {most = int($2 / 8388608); print most < 1 ? 1 : most < cores ? most : cores}' /proc/meminfo)}
      echo "compiling flash-attn for sm_$arch with $jobs jobs (hours on few cores)"
      install 'setuptools>=77' wheel ninja packaging psutil
      FLASH_ATTENTION_FORCE_BUILD=TRUE FLASH_ATTN_CUDA_ARCHS=$arch MAX_JOBS=$jobs PATH="$venv/bin:$PATH" \
        install --no-build-isolation --no-binary flash-attn --reinstall-package flash-attn 'flash-attn>=2.8,<3' ||
        die "flash-attn did not build, see the lines above; MMZERO_FLASH_ATTN=torch needs no build"
      ;;
    wheel)
      install --no-deps --reinstall-package flash-attn "$MMZERO_FLASH_ATTN_WHEEL" ||
        die "the wheel did not install: is it for $("$venv/bin/python" --version) and torch 2.11.0?"
      ;;
  esac
}
