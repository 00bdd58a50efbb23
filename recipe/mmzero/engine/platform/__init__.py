"""verl without an accelerator, and every patch of verl or vLLM with its reason."""
