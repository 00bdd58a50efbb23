#!/usr/bin/env bash
# One step of a run alone: train the Solver of iteration ${ITERATION:-1}. --help shows the settings.
STAGE=solver
source "$(dirname "${BASH_SOURCE[0]}")/lib_stage.sh"
