"""Locks, and what builders need."""
