"""CAMs and pseudo masks for other programs, and one image's whole trail for a bug report."""
