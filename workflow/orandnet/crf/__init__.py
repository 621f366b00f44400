"""The dense CRF, by the project's own kernel or by pydensecrf."""
