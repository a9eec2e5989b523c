"""Batches of what users pass to fit(), evaluate() and predict(), made on the host."""
