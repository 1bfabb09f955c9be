"""Questions to the history: references, log, diff, blame, search, checkout."""
