"""One function per figure: a tidy table in, a figure out."""
