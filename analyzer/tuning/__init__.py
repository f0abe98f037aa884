"""Many policies over one history: what each would have found, and what it would have cost."""
