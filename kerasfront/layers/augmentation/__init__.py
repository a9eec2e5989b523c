"""Image layers: resizing, cropping, and random changes for training."""
