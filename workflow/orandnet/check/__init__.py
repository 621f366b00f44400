"""All checks of a config that need no training: itself, its data, imported CAMs, networks and weights."""
