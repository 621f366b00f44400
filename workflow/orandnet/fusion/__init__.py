"""Fusing the CAMs of several classifiers.

`or_cam`, `and_cam`, `geometric_and_cam`, `mean_cam` and `sum_cam` take any number of arrays.
"""

from orandnet.fusion.probability import and_cam, geometric_and_cam, mean_cam, or_cam, sum_cam

__all__ = ["and_cam", "geometric_and_cam", "mean_cam", "or_cam", "sum_cam"]
