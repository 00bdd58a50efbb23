"""Where a snippet runs: a clean template process, a child per snippet, and what travels between them and the owner."""
