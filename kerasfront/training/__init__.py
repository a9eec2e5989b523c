"""Training: batches on the host, one step, one loop."""
