"""The config of a run: its sections composed, checked against each other, and documented."""
