"""Score maps: their grid, their normalisation, and how they are drawn."""

GRID_STRIDE = 4  # pixels of the image per cell of a stored map, in both directions; here, so that settings can name it
FLAT = 1e-5  # of a map's level: a range below it is rounding, and is not stretched to [0, 1]
