#!/usr/bin/env bash
# One step of a run alone: collect the Solver's data of iteration ${ITERATION:-1}. --help shows the settings.
STAGE=collect_solver
source "$(dirname "${BASH_SOURCE[0]}")/lib_stage.sh"
