"""Find traffic events in history and confirm them against the truth."""
