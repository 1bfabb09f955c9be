"""Exporters: definitions and locks become other tools' files."""
