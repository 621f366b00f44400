"""What was measured, beside what was published: tables and figures."""
