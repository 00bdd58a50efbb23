"""Operating-system processes of a step: started, watched, found again and ended by id."""
