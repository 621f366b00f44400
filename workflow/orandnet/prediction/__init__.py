"""Masks predicted by a trained segmenter: single and multi-scale, with and without dense CRF."""
