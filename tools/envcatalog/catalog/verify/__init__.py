"""`verify`: Git, registry and content held against each other."""
