"""Policies that other engines run: read from their own files, and judged on the same history as the engine would."""
