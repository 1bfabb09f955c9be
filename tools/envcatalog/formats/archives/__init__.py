"""Archives that others make: read as streams, with nothing in them trusted."""
