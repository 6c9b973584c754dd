"""What is asked beside accuracy: entropy, difficulty, wrong labels, robustness, how many images."""
