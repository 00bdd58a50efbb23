"""The YAML: `mmzero.yaml` with the keys of a run, groups (model, hardware, rewards, ablation), verl settings, prompts."""
