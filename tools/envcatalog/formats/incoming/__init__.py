"""Importers: other tools' files become definitions."""
