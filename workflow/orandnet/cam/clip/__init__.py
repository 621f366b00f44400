"""CAMs of CLIP without any training: the words of the classes, the two towers, and the maps (CLIP-ES, CVPR 2023)."""
