"""Seconds, GPU hours and money of a run before it starts: roofline arithmetic and a simulation of each stage."""
