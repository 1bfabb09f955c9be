"""What the host of a check is called in there, so that it can be looked up and is the same everywhere."""

HOST_NAME = "check"
