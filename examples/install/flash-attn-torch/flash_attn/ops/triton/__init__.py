"""The name is flash-attn's; the code is plain torch."""
