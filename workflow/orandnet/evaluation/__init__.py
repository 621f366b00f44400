"""Masks and scores against the ground truth: confusion matrices, threshold sweeps, tables of numbers."""
