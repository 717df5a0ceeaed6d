"""What runs while Vidra is up: the parts, their start and end, and how they are told what to do."""
