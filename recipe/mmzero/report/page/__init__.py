"""report.html and the run card."""
