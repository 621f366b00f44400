"""Results that are no longer wanted: the folder of a run, or what in it is of an older config."""
