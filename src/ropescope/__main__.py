"""`python -m ropescope`."""

from ropescope.app.start import main

main()
