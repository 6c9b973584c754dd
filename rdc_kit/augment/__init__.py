"""What training sees of an image: boxes and views."""
