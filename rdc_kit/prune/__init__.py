"""Difficulty scores and selection by them."""
