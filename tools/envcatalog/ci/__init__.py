"""The files that make a forge work for a catalog; this repository's own come from the same templates."""
