"""The recipe of the book: chapters, pages, and what Sphinx is told."""
