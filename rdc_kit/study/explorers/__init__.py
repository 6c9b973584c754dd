"""Pure render functions, and thin widgets around them."""
