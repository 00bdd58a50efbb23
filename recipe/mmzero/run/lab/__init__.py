"""The laboratory: whole evolutions of the tiny world, with controls, measured against the truth."""
