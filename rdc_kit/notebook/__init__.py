"""The first and the last cell of every notebook, and its parameters."""
