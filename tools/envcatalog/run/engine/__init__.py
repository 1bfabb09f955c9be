"""The Docker Engine: as a builder, and to run checks in."""
