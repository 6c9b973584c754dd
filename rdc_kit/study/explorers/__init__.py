"""Functions that draw pictures, and widgets around them."""
