"""`python -m rlkit` is the `rlkit` command."""

from rlkit.cli import main

main()
