"""Multi-label classifiers, trained on image-level labels."""
