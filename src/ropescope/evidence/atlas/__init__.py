"""An atlas of fixed-length profiles: collected, ranked where they may be compared, exported as a dataset."""
