"""Hostile snippets, and processes that render them as root and as nobody."""
