"""A training stage: rows, trainer, batch terms, sample dumps, checkpoints."""
