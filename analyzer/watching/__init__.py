"""`discover --every`: what is new since the last round, and whom it is told."""
