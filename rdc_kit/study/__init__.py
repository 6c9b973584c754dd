"""Asking questions: grids, verdicts, analyses, figures, explorers."""
