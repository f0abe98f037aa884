"""The arithmetic: numpy in, numpy out, and nothing else."""
