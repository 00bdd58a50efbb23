"""What is wrong with a configuration, before anything starts; each finding is one line."""
