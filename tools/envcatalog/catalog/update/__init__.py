"""`update`: locks kept fresh, one branch for each change."""
