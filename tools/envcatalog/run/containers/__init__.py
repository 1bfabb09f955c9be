"""Commands in containers."""
