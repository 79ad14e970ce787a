"""kvpress, where it is installed, and a KVPlan as one of its presses."""
