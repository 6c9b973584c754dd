"""Arms, experiments, tidy rows, plans, the monitor."""
