#!/usr/bin/env bash
# Does this machine's GPU run the project? Checks from the most to the least telling, each with a time limit, and a table
# at the end that can be pasted into an issue.
#
#   bash tests/gpu/run.sh [MINUTES] [STAGE ...] [key=value ...]        default: 30 minutes, all stages that fit
#
#   kernels       attention, cross entropy, vLLM's kernels against fp32; weight hand-over; sleep; one vision forward;
#                 20 renders; doctor
#   train         Solver, Coder and Proposer of the tiny base, two GRPO steps each, side by side, with their frozen peers
#   collect       both collections of the tiny base, side by side
#   resume        a training stage killed after its first checkpoint, and started again
#   two           the Solver on two GPUs (left out with one)
#   3b            Qwen2.5-VL-3B with random weights: Solver, 16 prompts x 8 roll-outs of 1,024 tokens, 512 x 512 pictures
#   3b-proposer   the tightest stage of gpu1x80: trainer and a peer's server on one GPU
#   loop          `mmzero run` of the tiny base from start to end, one step per stage
#   plan          composes every run above and lets verl validate it; needs no GPU, only on request
#
# A stage that passed is skipped on the next call (FORCE=1 repeats it); one that does not fit into the time left is left out.
# key=value goes to every run, for example verl.all.actor_rollout_ref.model.use_remove_padding=false.
# MMZERO_GPU_WORK=dir   models, runs, logs (runs/gpu_test, or where unpack.sh has put everything)     OUT=dir   results
# HOST_GIB=n            host memory that is there, on a virtual machine that is given its memory as it takes it
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
cd "$repo" || exit 1

minutes=30 stages=() extra=()
for word in "$@"; do
  if [[ $word == *=* ]]; then extra+=("$word"); elif [[ $word =~ ^[0-9]+$ ]]; then minutes=$word; else stages+=("$word"); fi
done
((${#stages[@]})) || stages=(kernels train collect resume two 3b 3b-proposer loop)
budget=$((minutes * 60))
# Seconds that each needs at least: the first three as an H100 took them, the others from what was seen of their parts.
declare -A least=([kernels]=45 [train]=150 [collect]=110 [resume]=240 [two]=150 [3b]=330 [3b-proposer]=360 [loop]=450 [plan]=20)
for stage in "${stages[@]}"; do
  [[ -n ${least[$stage]:-} ]] || { echo "error: unknown stage '$stage'; one of ${!least[*]}" >&2; exit 2; }
done

gpus=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | grep -cE '^[0-9]+$')
if ((gpus == 0)) && [[ ${stages[*]} != plan ]]; then
  echo "skipped: no GPU (nvidia-smi lists none)"
  exit 0
fi

# The environment: what unpack.sh made on a machine without network, a given PYTHON, or the project's own.
unpacked=${MMZERO_GPU_WORK:-/tmp/mmzero-gpu}
if [[ -f $unpacked/env.sh ]]; then
  work=$unpacked python=${PYTHON:-python3}
  source "$work/env.sh"
else
  work=${MMZERO_GPU_WORK:-$repo/runs/gpu_test}
  if [[ -z ${PYTHON:-} ]]; then
    source "$repo/examples/lib.sh"
    set +e
    MMZERO_QUIET=1 setup gpu || exit 1
    PYTHON=$MMZERO_VENV/bin/python
  fi
  python=$PYTHON
fi
sandbox=${MMZERO_SANDBOX:-strict}
export PYTHONPATH=$repo${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
logs=$work/logs out=${OUT:-$work/results}
mkdir -p "$logs" "$out" "$work/models"
tiny_base=$work/models/tiny
if [[ ${stages[*]} == plan ]]; then
  tiny_base=$work/models/none && mkdir -p "$tiny_base" # nothing reads it
elif [[ ! -f $tiny_base/config.json ]]; then
  tiny_base=$("$python" -m recipe.mmzero.cli tiny build | tail -1)
  [[ -f $tiny_base/config.json ]] || { echo "error: the tiny base could not be built: $tiny_base" >&2; exit 1; }
fi
gib=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | sort -n | awk 'NR == 1 {print int($1 / 1024)}')
gib=${gib:-80}
host_gib=${HOST_GIB:-$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)}

# Start-up as short as it gets: no CUDA graphs, no compilation, one worker of each kind, small servers.
v=verl.all.actor_rollout_ref
quick=(render.sandbox="$sandbox" render.workers=2 watchdog.startup_s=240 watchdog.step_s=150 failures.timeout_s=60
  evolution.max_attempts=1 evolution.iterations=1 hardware=gpu1x80 hardware.gpu_memory_gb="$gib"
  $v.rollout.agent.num_workers=1 verl.all.reward.num_workers=1 verl.all.data.dataloader_num_workers=0
  $v.actor.use_torch_compile=false $v.actor.fsdp_config.use_torch_compile=false $v.ref.fsdp_config.use_torch_compile=false)
tiny=("${quick[@]}" model=tiny model.path="$tiny_base" stage.steps=2 $v.rollout.enforce_eager=true
  coder.filter.target_rows=8 coder.filter.attempt_budget=48 solver.filter.proposals=64
  $v.rollout.engine_kwargs.vllm.kv_cache_memory_bytes=1073741824)
for stage in proposer coder solver; do
  tiny+=(hardware.stages.$stage.gpu_memory_utilization=0.05 hardware.stages.$stage.max_num_seqs=64)
done
for stage in proposer coder collect_coder collect_solver; do
  tiny+=(hardware.stages.$stage.peer_gpu_memory_utilization=0.05 hardware.stages.$stage.peer_max_num_seqs=64)
done
two=(hardware.gpus_per_node=2 hardware.stages.solver.train_gpus=2)
big=("${quick[@]}" watchdog.startup_s=480 model=qwen2_5_vl_3b model.path="$work/models/3b" model.allow_download=false
  solver.train.prompts_per_step=16 solver.train.prompts_per_update=16 solver.filter.min_rows=16
  solver.train.max_prompt_tokens=2048 solver.train.max_response_tokens=1024 hardware.stages.solver.tokens_per_gpu=8192
  hardware.stages.solver.max_num_seqs=128 hardware.stages.solver.gpu_memory_utilization=0.5)
proposer=(stage.steps=1 proposer.train.prompts_per_step=8 proposer.train.prompts_per_update=8
  proposer.train.max_response_tokens=1024 coder.train.max_response_tokens=1024)

left() { echo $((budget - SECONDS)); }
at_most() { local most=$(($(left) - 10)); echo $((most < $1 ? most : $1)); }
run() { timeout -k 20 -s TERM "$1" "${@:3}" >"$logs/$2" 2>&1; } # LIMIT LOG COMMAND...
show() { grep -hE "^(OK |FAIL |WARN |doctor|[a-z_]+: |[a-z_]+ step|  \||error)" "$@" 2>/dev/null | cut -c1-600; }
one() { run "$1" "$3-$2.log" "$python" "$here/one_stage.py" "$2" "$work/runs/$3" "${@:4}" ${extra[@]+"${extra[@]}"}; } # LIMIT STEP RUN ARGS...
together() { # waits for all jobs; fails if one failed
  local bad=0 job
  for job in "$@"; do wait "$job" || bad=1; done
  return $bad
}

stage_kernels() {
  local bad=0
  run "$(at_most 150)" probe.log "$python" "$here/probe.py" || bad=1
  run "$(at_most 100)" doctor.log "$python" -m recipe.mmzero.cli doctor "${tiny[@]}" || bad=1
  show "$logs/probe.log" "$logs/doctor.log"
  return $bad
}
side_by_side() { # RUN STEP...
  local limit jobs=() name
  limit=$(at_most 260)
  for name in "${@:2}"; do
    one "$limit" "$name" "$1" "${tiny[@]}" &
    jobs+=($!)
    sleep 2
  done
  together "${jobs[@]}"
  local bad=$?
  for name in "${@:2}"; do show "$logs/$1-$name.log"; done
  return $bad
}
stage_train() { side_by_side train solver coder proposer; }
stage_collect() { side_by_side collect collect_coder collect_solver; }
stage_resume() {
  rm -rf "$work/runs/resume"
  run "$(at_most 400)" resume.log "$python" "$here/resume.py" "$work/runs/resume" "$(at_most 380)" "${tiny[@]}" \
    stage.steps=3 stage.save_every=1 ${extra[@]+"${extra[@]}"}
  local bad=$?
  show "$logs/resume.log"
  return $bad
}
stage_two() {
  one "$(at_most 260)" solver two "${tiny[@]}" "${two[@]}"
  local bad=$?
  show "$logs/two-solver.log"
  return $bad
}
model_3b() {
  [[ -f $work/models/3b/.complete ]] && return
  run 90 model-3b.log "$python" "$here/random_model.py" 3b "$tiny_base" "$work/models/3b" || { tail -3 "$logs/model-3b.log"; return 1; }
  touch "$work/models/3b/.complete"
}
stage_3b() {
  model_3b || return 1
  one "$(at_most 600)" solver 3b --no-checkpoint --picture 512 "${big[@]}" stage.steps=2 $v.rollout.ignore_eos=true
  local bad=$?
  show "$logs/3b-solver.log"
  grep -hoE "(Available KV cache memory|Graph capturing finished|torch.compile takes|Model loading took)[^\"]{0,80}" "$work"/runs/3b/logs/solver.log 2>/dev/null | sort -u | head -8
  return $bad
}
stage_3b-proposer() {
  model_3b || return 1
  one "$(at_most 600)" proposer 3b-proposer --no-checkpoint "${big[@]}" "${proposer[@]}"
  local bad=$?
  show "$logs/3b-proposer-proposer.log"
  return $bad
}
stage_loop() {
  rm -rf "$work/runs/loop"
  run "$(at_most 900)" loop.log "$python" -m recipe.mmzero.cli run run_dir="$work/runs/loop" "${tiny[@]}" stage.steps=1 ${extra[@]+"${extra[@]}"}
  local bad=$?
  show "$logs/loop.log"
  return $bad
}
stage_plan() {
  local name
  for name in proposer coder solver collect_coder collect_solver; do
    echo "$name" "$work/runs/plan" "${tiny[@]}" ${extra[@]+"${extra[@]}"}
  done >"$logs/plan.txt"
  echo solver "$work/runs/plan-two" "${tiny[@]}" "${two[@]}" ${extra[@]+"${extra[@]}"} >>"$logs/plan.txt"
  echo solver "$work/runs/plan-3b" --picture 512 "${big[@]}" model.path="$tiny_base" ${extra[@]+"${extra[@]}"} >>"$logs/plan.txt"
  echo proposer "$work/runs/plan-3b" "${big[@]}" "${proposer[@]}" model.path="$tiny_base" ${extra[@]+"${extra[@]}"} >>"$logs/plan.txt"
  run 200 plan.log "$python" "$here/one_stage.py" --plan "$logs/plan.txt"
  local bad=$?
  if ((bad)); then tail -5 "$logs/plan.log"; fi
  show "$logs/plan.log"
  return $bad
}

# Why a stage cannot run on this machine, or nothing.
obstacle() {
  if [[ $1 == two ]] && ((gpus < 2)); then echo "one GPU"; fi
  if [[ $1 == 3b* ]] && ((gib < 70)); then echo "needs a GPU of 80 GB, this one has $gib GiB"; fi
  if [[ $1 == 3b* ]] && ((host_gib < 90)); then echo "needs 90 GiB of host memory, $host_gib are available"; fi
}
record() { # STAGE RESULT SECONDS PEAK_MIB NOTE
  "$python" "$here/table.py" add "$out/results.jsonl" "$@"
  printf '%4ds  %s: %s\n' "$SECONDS" "$1" "$2${5:+, $5}" | tee -a "$out/summary.txt"
}
save() { tar czf "$out/logs.tar.gz" -C "$work" logs $(cd "$work" && ls -d runs/*/logs runs/*/iter_01/*/*.{log,jsonl,json,yaml} 2>/dev/null) 2>/dev/null; }

nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits -l 1 >"$logs/gpu.csv" 2>/dev/null &
watcher=$!
trap 'kill $watcher 2>/dev/null; save' EXIT
worst=0
rm -f "$out/results.jsonl"
for stage in "${stages[@]}"; do
  if [[ -f $work/.passed-$stage && $stage != plan && ! ${FORCE:-} ]]; then
    cat "$work/.passed-$stage" >>"$out/results.jsonl"
    continue
  fi
  why=$(obstacle "$stage" | head -1)
  [[ -n $why ]] || (($(left) >= ${least[$stage]})) || why="$(left) s left, needs ${least[$stage]}"
  if [[ -n $why ]]; then record "$stage" "left out" 0 0 "$why"; continue; fi
  began=$SECONDS lines=$(wc -l <"$logs/gpu.csv")
  echo "--- $stage"
  "stage_$stage" 2>&1 | tee -a "$out/summary.txt"
  if ((PIPESTATUS[0] == 0)); then result=passed; else result=FAILED worst=1; fi
  peak=$(tail -n "+$((lines + 1))" "$logs/gpu.csv" | grep -E '^[0-9]+$' | sort -n | tail -1)
  record "$stage" "$result" $((SECONDS - began)) "${peak:-0}" ""
  if [[ $result == passed ]]; then tail -1 "$out/results.jsonl" >"$work/.passed-$stage"; fi
done
"$python" "$here/table.py" show "$out/results.jsonl" "$work/runs" | tee "$out/table.txt"
echo "logs: $out"
exit $worst
