"""OCI registries over HTTP and OCI layout folders: read and push by digest, move tags, attach artifacts."""
