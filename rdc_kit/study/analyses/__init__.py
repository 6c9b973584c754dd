"""Entropy, observers, difficulty, robustness."""
