"""The ground all stages stand on: images, their labels, their splits, and the only door to the true masks."""
