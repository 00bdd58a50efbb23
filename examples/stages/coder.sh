#!/usr/bin/env bash
# One step of a run alone: train the Coder of iteration ${ITERATION:-1}. --help shows the settings.
STAGE=coder
source "$(dirname "${BASH_SOURCE[0]}")/lib_stage.sh"
