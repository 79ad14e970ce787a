"""`python -m ropescope`."""

from ropescope.app.cli import main

main()
