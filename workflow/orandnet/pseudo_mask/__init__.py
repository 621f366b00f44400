"""Scores to pseudo masks: the training targets of the segmentation model."""
