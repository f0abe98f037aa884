"""How a store is read: which window, which keys, in which requests, and what is kept of the answers."""
