"""Convolutions over 1, 2 or 3 spatial dims: plain and grouped, depthwise, separable, transposed.

Inputs have the shape (batch, *spatial, channels), or (batch, channels, *spatial) with data_format="channels_first".
"""
