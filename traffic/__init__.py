"""What the generator and the analyzer share, and the stores in which traffic lives."""
