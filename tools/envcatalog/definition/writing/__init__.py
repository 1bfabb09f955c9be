"""Definitions as text: new ones from a template, old ones edited where they are."""
