"""Every file operation fails once: `python -m tests.faults` prints what was tried and lost."""
