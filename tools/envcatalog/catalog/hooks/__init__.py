"""Git hooks, in a bare repository and in a clone."""
