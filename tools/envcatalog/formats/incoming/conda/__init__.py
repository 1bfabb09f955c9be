"""What conda and its relatives write: environments, listings, locks, installed folders."""
