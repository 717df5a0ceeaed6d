"""Vidra from the ground up: read the modules in order, each adds one idea."""
