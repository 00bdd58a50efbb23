"""The YAML: `mmzero.yaml` with every key of a run, groups (model, hardware, rewards, ablation), verl settings, prompts."""
