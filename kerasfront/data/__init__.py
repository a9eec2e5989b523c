"""Batches, made on the host, of what users pass to fit(), evaluate() and predict()."""
