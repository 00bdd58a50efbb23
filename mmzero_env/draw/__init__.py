"""Turning a snippet into a picture: SVG and Python, their checks, and what a picture is."""
