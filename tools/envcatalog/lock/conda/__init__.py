"""Conda: channels by name, the solver, and what it brings to Python."""
