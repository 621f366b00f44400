"""Rooms that read and write artifacts: atomic renames, masks, CAM stores, checkpoints, manifests."""
