"""Training: one step, one loop."""
