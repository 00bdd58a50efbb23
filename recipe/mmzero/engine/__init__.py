"""What touches verl: stage processes, trainer, rollout workers, frozen servers, the CPU platform."""
