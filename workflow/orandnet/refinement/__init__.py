"""CAMs refined without training: by a dense CRF, by segments of another program, by superpixels."""
