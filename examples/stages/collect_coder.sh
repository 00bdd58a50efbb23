#!/usr/bin/env bash
# One step of a run alone: collect the Coder's data of iteration ${ITERATION:-1}. --help shows the settings.
STAGE=collect_coder
source "$(dirname "${BASH_SOURCE[0]}")/lib_stage.sh"
