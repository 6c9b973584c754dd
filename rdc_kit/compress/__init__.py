"""Making small sets: scores, selection, composites and the method registry."""
