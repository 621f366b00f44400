"""The page of a run: tables, charts, gallery and provenance in one file."""
