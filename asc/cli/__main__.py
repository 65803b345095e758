"""Runs ``asc`` as ``python -m asc.cli``."""

from asc.cli.main import main

main()
