"""Recurrent layers: a loop over time around a cell, cells, and the layers of one cell each."""
