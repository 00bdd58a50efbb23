"""Where a run stands, for a person: `mmzero status`."""
