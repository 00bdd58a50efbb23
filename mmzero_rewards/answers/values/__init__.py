"""What an answer can be: numbers, units, dates, ranges, and when two such values are equal."""
