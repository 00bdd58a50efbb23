"""Numbers of a finished step that mean trouble."""
