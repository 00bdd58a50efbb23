"""Reading a run folder: steps, samples, rates with intervals."""
