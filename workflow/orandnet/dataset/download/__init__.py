"""Public data sets from their servers: download, checks, unpacking."""
