"""Support: what an engine serves of a model: its architecture, its formats on a device, its context."""
