"""Hardware: which devices, how many of them and shared in which way, serve a model as it is asked for."""
