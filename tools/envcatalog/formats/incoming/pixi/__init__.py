"""What pixi writes: manifests and locks."""
