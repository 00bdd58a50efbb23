"""The three roles' rollout workers: verl agent loops."""
