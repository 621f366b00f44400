"""Score maps: their grid, their normalisation, and how they are drawn."""

GRID_STRIDE = 4  # pixels of the image per cell of a stored map, in both directions; here, so that settings can name it
