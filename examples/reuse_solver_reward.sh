#!/usr/bin/env bash
# Someone else's picture questions with our Solver reward: plain verl GRPO, single-turn agent, no peers, no MM-Zero stage.
#
#   bash examples/reuse_solver_reward.sh MODEL_DIR                      32 made-up pictures of shapes
#   bash examples/reuse_solver_reward.sh MODEL_DIR DATA.parquet [key=value ...]     any verl dataset of short answers
#
# DATA has verl's columns: prompt (with one "<image>"), images, reward_model.ground_truth (one short answer per row).
# The reward is 0.9 for the right answer in \boxed{} and 0.1 for the form <think>..</think> \boxed{..}; another weight:
#   +reward.reward_kwargs.scoring.solver.format_weight=0.2
#
# Environment: OUT_DIR, STEPS (5), BATCH, ROLLOUTS (4), LR, PROMPT_TOKENS, RESPONSE_TOKENS, GPUS (1), TIMEOUT (s),
# PROFILE (cpu or gpu; default gpu if nvidia-smi lists one).
source "$(dirname "${BASH_SOURCE[0]}")/reuse_lib.sh"
if [[ $# -lt 1 || $1 == --help ]]; then sed -n '2,13p' "${BASH_SOURCE[0]}"; exit $(($# < 1)); fi

reuse_arguments reuse_solver "$@"

reuse_setup
if ((made_up)); then python "$repo/examples/reuse_data.py" solver "$rows"; fi
reuse_train "$model" "$rows" "$out" SolverRewardManager \
  data.image_key=images \
  +reward.reward_kwargs.preset=default \
  "${rest[@]}"
