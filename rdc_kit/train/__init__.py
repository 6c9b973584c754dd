"""Networks, protocols, labels, teachers, the training loop, evaluation."""
