#!/usr/bin/env bash
# MM-Zero with Qwen2.5-VL-3B on eight 80 GB GPUs (or another hardware= profile). --plan prints it all and runs nothing.
MODEL=qwen2_5_vl_3b
source "$(dirname "${BASH_SOURCE[0]}")/lib_model.sh"
