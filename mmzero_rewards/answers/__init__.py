"""When two answers are the same: reading numbers, units and text, grading, voting."""
