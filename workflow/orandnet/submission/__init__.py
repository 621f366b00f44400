"""Archives of predicted masks in the form that the PASCAL VOC server takes."""
