"""Reading what a model wrote: proposals, code, boxed answers, content types."""
