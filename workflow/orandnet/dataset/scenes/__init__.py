"""The embedded data set: scenes that are drawn."""
