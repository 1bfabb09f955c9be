"""Commands without an engine."""
