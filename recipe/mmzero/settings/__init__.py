"""What can be set: types, ranges, the composed configuration, and how it becomes verl's own."""
