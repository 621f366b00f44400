"""One training loop, its schedules and its augmentations, for every network."""
