"""Ways in and out: imports and exports."""
