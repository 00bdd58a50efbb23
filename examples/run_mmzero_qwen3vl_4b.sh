#!/usr/bin/env bash
# MM-Zero with Qwen3-VL-4B on eight 80 GB GPUs (or another hardware= profile). --plan prints it all and runs nothing.
MODEL=qwen3_vl_4b
source "$(dirname "${BASH_SOURCE[0]}")/lib_model.sh"
