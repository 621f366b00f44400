"""Weakly supervised semantic segmentation by precision-aware ensembling of class activation maps."""
