"""One verb, one file: parse, call the use case, render, exit code."""
