"""Asking questions: experiments, published numbers and figures."""
