#!/usr/bin/env bash
# Text-to-SVG training with a served judge: plain verl GRPO with CoderRewardManager and a base_url.
#
#   bash examples/reuse_coder_reward.sh MODEL_DIR                       32 made-up descriptions, MODEL_DIR is the judge
#   JUDGE_URL=http://host:8000/v1 bash examples/reuse_coder_reward.sh MODEL_DIR DATA.parquet [key=value ...]
#
# DATA has verl's columns; prompt asks for the drawing, extra_info holds caption, easy_question, easy_answer and
# hard_question (hard_answer too, if a leak should be found). Each drawing is rendered in the sandbox; the judge, any
# vision-language model behind an OpenAI-compatible server, answers both questions K times from the picture alone.
# Without JUDGE_URL the script serves JUDGE (default MODEL_DIR) with `vllm serve` on a free port of loopback and ends it.
#
# Environment: JUDGE_URL, JUDGE, VOTES (5), JUDGE_TOKENS (context), VOTE_TOKENS (answer), and what reuse_solver_reward.sh lists.
source "$(dirname "${BASH_SOURCE[0]}")/reuse_lib.sh"
if [[ $# -lt 1 || $1 == --help ]]; then sed -n '2,12p' "${BASH_SOURCE[0]}"; exit $(($# < 1)); fi

reuse_arguments reuse_coder "$@"

reuse_setup
judge_tokens=${JUDGE_TOKENS:-8192} vote_tokens=${VOTE_TOKENS:-2048}
if [[ $profile == cpu ]]; then judge_tokens=${JUDGE_TOKENS:-512} vote_tokens=${VOTE_TOKENS:-64}; fi
mkdir -p "$out"
templates=()
if ((made_up)); then
  python "$repo/examples/reuse_data.py" coder "$rows"
  # The tiny model knows questions without instructions around them.
  templates=("+reward.reward_kwargs.prompts.solver='{question}'")
fi

judge_pid=
end_judge() {
  if [[ -n $judge_pid ]]; then
    kill -- "-$judge_pid" 2>/dev/null || true # its whole group, by id
    wait "$judge_pid" 2>/dev/null || true
  fi
}
trap end_judge EXIT

wait_for_judge() { # seconds; ends early if the server ends
  local deadline=$((SECONDS + $1))
  until python - "$JUDGE_URL" 2>/dev/null <<'PYTHON'; do
import asyncio, sys
from mmzero_rewards.peers.client import PeerClient

async def main():
    async with PeerClient([sys.argv[1]], name="judge") as client:
        await client.ready(5)

asyncio.run(main())
PYTHON
    if ! kill -0 "$judge_pid" 2>/dev/null || ((SECONDS > deadline)); then
      echo "error: the judge did not start; see $out/judge.log, or give JUDGE_URL of a running server" >&2
      exit 1
    fi
  done
}

if [[ -z ${JUDGE_URL:-} ]]; then
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  serve=(vllm serve "${JUDGE:-$model}" --host 127.0.0.1 --port "$port" --served-model-name judge
    --max-model-len "$judge_tokens" --limit-mm-per-prompt '{"image": 1, "video": 0}')
  if [[ $profile == cpu ]]; then serve+=(--dtype float32 --enforce-eager --max-num-seqs 32); fi
  setsid "${serve[@]}" >"$out/judge.log" 2>&1 &
  judge_pid=$!
  JUDGE_URL=http://127.0.0.1:$port/v1
  echo "waiting for the judge at $JUDGE_URL (log: $out/judge.log)"
  wait_for_judge "${JUDGE_START_S:-600}"
fi

reuse_train "$model" "$rows" "$out" CoderRewardManager \
  "+reward.reward_kwargs.peers.solver.base_url='$JUDGE_URL'" \
  "+reward.reward_kwargs.peers.solver.votes=${VOTES:-5}" \
  "+reward.reward_kwargs.peers.solver.sampling.max_tokens=$vote_tokens" \
  "+reward.reward_kwargs.dump_dir='$out/samples'" \
  "${templates[@]}" \
  "${rest[@]}"
