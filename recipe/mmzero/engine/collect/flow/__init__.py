"""How rows run: a bounded stream with decisions in row order, shards, and the share of failures."""
