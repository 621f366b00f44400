"""What a run of the workflow says on the terminal: a line for each job, and at the end what came out of it."""
