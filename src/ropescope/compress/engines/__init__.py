"""What serving engines can carry out of a cache plan, and the settings that tell them."""
