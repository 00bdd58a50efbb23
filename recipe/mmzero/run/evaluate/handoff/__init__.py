"""Other toolkits ask, we pair: their exact command against a served checkpoint, and their sample files read back."""
