"""Memory: what a device must hold, part by part."""
