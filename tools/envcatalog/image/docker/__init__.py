"""Images that a Docker Engine built, and what it is asked for."""
