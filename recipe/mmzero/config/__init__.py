"""The YAML: `mmzero.yaml` with every key, groups (model, hardware, rewards, ablation), verl settings, prompts."""
