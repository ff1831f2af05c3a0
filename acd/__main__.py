"""`python -m acd` is `guichet`."""

from acd.cli import main

main()
