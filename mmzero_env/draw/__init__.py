"""Turning a snippet into a picture, one folder for each language; what a picture is, and how one is refused."""
