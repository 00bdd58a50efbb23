"""The YAML: `mmzero.yaml` (the keys of a run), groups (model, hardware, rewards, ablation), verl, prompts."""
