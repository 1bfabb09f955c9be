"""`python -m envcatalog` is `envcat`."""

from envcatalog.cli.main import main

main()
