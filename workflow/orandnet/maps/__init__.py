"""Score maps: their grid, their normalisation, and how they are drawn."""
