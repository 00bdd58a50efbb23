"""The embedded world, the base model that is trained on it here, and its evaluation."""
