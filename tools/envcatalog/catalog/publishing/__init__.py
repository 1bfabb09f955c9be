"""From a plan to versions and registry tags."""
