"""From roll-ups to events: the policy, the calendar, what is usual for a key, and what lies out of it."""
