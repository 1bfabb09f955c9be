"""What pip, uv, Poetry and their standards write: requirements, projects, locks."""
