"""IRN: learn boundaries between confident CAM regions, and spread the CAM inside them by a random walk."""
