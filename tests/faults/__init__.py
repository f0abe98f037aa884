"""Faults on purpose, counted: `make faults` takes all of them (docs/reliability.md), the tests a slice."""
