"""Only `ops.triton.cross_entropy` exists here."""
