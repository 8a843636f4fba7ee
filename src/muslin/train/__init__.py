"""Training: the one loop, and its checkpoints."""
