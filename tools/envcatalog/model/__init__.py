"""Frozen values that travel between the rooms. Nothing here reads a file, a clock, a network or Git."""
