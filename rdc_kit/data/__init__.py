"""Image sets: sources, loading, saving, the Hub."""
