"""YAML, TOML and JSON to values that know their lines; ours and those of others."""
