"""A policy in the words of other engines, and what each of them loses by it, counted."""
