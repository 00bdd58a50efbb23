"""Is an answer right? Rules decide what they can; a judge model sees only the rest."""
