"""Stores of traffic, and the one table from a name to its class."""
