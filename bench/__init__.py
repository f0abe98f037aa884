"""Measurements: `make bench` writes docs/benchmarks.md. Ratios of paired runs are the result."""
