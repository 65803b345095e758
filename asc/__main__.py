"""Runs ``asc`` as ``python -m asc``."""

from asc.cli.main import main

main()
