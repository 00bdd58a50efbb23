"""Which declarations an element has: style sheets, media queries, the cascade, custom properties."""
