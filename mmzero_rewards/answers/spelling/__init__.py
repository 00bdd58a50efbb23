"""How a value is written: mark-up, look-alikes, brackets, wordings, what stands around it. Imports values, not back."""
