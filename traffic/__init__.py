"""What the generator and the analyzer both talk about, and where traffic lives."""
