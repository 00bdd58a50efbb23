"""How a run's settings become verl's own configuration, one file of it for each training stage."""
