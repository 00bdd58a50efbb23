# Shared by reuse_*.sh (sourced): a small GRPO run of plain verl, on GPUs or on a CPU.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# reuse_arguments NAME MODEL [DATA.parquet] [overrides]: sets model, out, rows, made_up (1: rows are to be made) and rest.
reuse_arguments() {
  model=$2
  out=$(realpath -m "${OUT_DIR:-$repo/runs/$1}")
  rows=$out/rows.parquet
  made_up=1
  shift 2
  if [[ $# -gt 0 && $1 == *.parquet ]]; then rows=$(realpath "$1") made_up=0; shift; fi
  rest=("$@")
}

# reuse_setup: environment; PROFILE=cpu|gpu, default gpu if nvidia-smi lists one.
reuse_setup() {
  profile=${PROFILE:-cpu}
  if [[ -z ${PROFILE:-} && $(nvidia-smi -L 2>/dev/null) == GPU* ]]; then profile=gpu; fi
  MMZERO_QUIET=1 setup "$profile"
  # The plug-in brings the CPU platform and guarded fixes of verl 0.9.1; the rewards themselves need none of it.
  export VERL_USE_EXTERNAL_MODULES=recipe.mmzero.plugin
  export RAY_USAGE_STATS_ENABLED=0 TOKENIZERS_PARALLELISM=false VLLM_NO_USAGE_STATS=1 HYDRA_FULL_ERROR=1
  # Sizes: the embedded tiny model on a CPU, or a real model on GPUs.
  platform=()
  prompt_tokens=${PROMPT_TOKENS:-2048} response_tokens=${RESPONSE_TOKENS:-2048} lr=${LR:-1e-6} batch=${BATCH:-32}
  if [[ $profile == cpu ]]; then
    prompt_tokens=${PROMPT_TOKENS:-256} response_tokens=${RESPONSE_TOKENS:-96} lr=${LR:-5e-5} batch=${BATCH:-8}
    export VERL_PLATFORM=cpu VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1} VLLM_CPU_OMP_THREADS_BIND=nobind
    export VLLM_ENABLE_V1_MULTIPROCESSING=0 RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
    unset CUDA_VISIBLE_DEVICES # Ray refuses logical GPUs when an empty list says that there are none
    mapfile -t platform < <(cpu_overrides "$repo/recipe/mmzero/config/verl/cpu.yaml")
  fi
}

# cpu_overrides FILE: the recipe's settings for verl without an accelerator, one Hydra override a line. Its warm workers
# belong to the recipe's stages and stay out.
cpu_overrides() {
  python - "$1" <<'PYTHON'
import sys

import yaml


def walk(value, name):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "runtime_env":
                walk(inner, f"{name}.{key}" if name else key)
    else:
        print(f"++{name}={str(value).lower() if isinstance(value, bool) else value}")


walk(yaml.safe_load(open(sys.argv[1])), "")
PYTHON
}

# reuse_train MODEL ROWS OUT MANAGER [overrides]: GRPO with one of our reward managers.
reuse_train() {
  local model=$1 rows=$2 out=$3 manager=$4
  shift 4
  mkdir -p "$out"
  export VERL_FILE_LOGGER_PATH=$out/metrics.jsonl
  local args=(
    hydra.run.dir="$out/hydra"
    algorithm.adv_estimator=grpo

    data.train_files="$rows"
    data.val_files="$rows"
    data.train_batch_size="$batch"
    data.max_prompt_length="$prompt_tokens"
    data.max_response_length="$response_tokens"

    actor_rollout_ref.model.path="$model"
    actor_rollout_ref.actor.strategy=fsdp2
    actor_rollout_ref.ref.strategy=fsdp2
    actor_rollout_ref.actor.ppo_mini_batch_size="$batch"
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4
    actor_rollout_ref.actor.use_kl_loss=True
    actor_rollout_ref.actor.kl_loss_coef=0.01
    actor_rollout_ref.actor.optim.lr="$lr"
    actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=4
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.n="${ROLLOUTS:-4}"
    actor_rollout_ref.rollout.tensor_model_parallel_size=1
    actor_rollout_ref.rollout.max_model_len="$((prompt_tokens + response_tokens + 64))"
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4
    +actor_rollout_ref.rollout.engine_kwargs.vllm.limit_mm_per_prompt="{image: 1, video: 0}"

    reward.num_workers=1
    reward.reward_manager.source=importlib
    reward.reward_manager.module.path=pkg://mmzero_rewards.managers
    reward.reward_manager.name="$manager"

    trainer.n_gpus_per_node="${GPUS:-1}"
    trainer.nnodes=1
    trainer.total_epochs=1000
    trainer.total_training_steps="${STEPS:-5}"
    trainer.save_freq=-1
    trainer.test_freq=-1
    trainer.val_before_train=False
    trainer.resume_mode=disable
    trainer.logger=[console,file]
    trainer.default_local_dir="$out/checkpoints"
  )
  timeout -k 30 "${TIMEOUT:-1800}" python -m verl.trainer.main_ppo "${args[@]}" "${platform[@]}" "$@"
  echo "metrics: $VERL_FILE_LOGGER_PATH (critic/score/mean is the reward)"
}
