"""What a step was made from: journal, hashes of settings and inputs, checks of outputs."""
