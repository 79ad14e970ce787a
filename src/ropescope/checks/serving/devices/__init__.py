"""Devices: what they are called, hold and reach, and which this machine has."""
