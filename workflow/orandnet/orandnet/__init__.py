"""ORANDNet: a class-agnostic network that brings the OR CAM to the AND CAM (Park and Shim, 2024)."""
