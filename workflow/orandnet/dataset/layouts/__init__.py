"""How data sets lie in folders: PASCAL VOC, COCO, a folder with a CSV."""
