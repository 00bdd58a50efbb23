"""Does this machine hold this profile: facts, memory arithmetic, model folders, versions, `mmzero doctor`."""
