"""What every notebook needs: parameters, its first and last cell, checks of its exercises."""
