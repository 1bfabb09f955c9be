"""`run`: a command in an environment."""
