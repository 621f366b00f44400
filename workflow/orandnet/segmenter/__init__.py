"""Segmentation network trained on pseudo masks: DeepLabv1-LargeFOV, with or without scale scheduling."""
