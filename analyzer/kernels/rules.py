"""The rules on top of the stated threshold, a sentence each. Text alone: help shows it before anything is loaded."""

RULES = {
    "level": "A level that lasts longer than a day or two and is twice the usual one (or half of it) is a new normal.",
    "pooled": "Where an hour has room for fewer than four buckets, its baseline is the median of its and its "
    "neighbours'.",
    "idle": "No baseline is below a tenth of the key's weekly p95: three times nothing is nothing.",
    "edges": "A baseline is at least half of those of the hours before and after: mornings shift when clocks change.",
    "tail": "A key that passes the threshold more often than once in two weeks must pass what it passes that rarely.",
    "volume": "Where the tail asks for more, it asks a quarter for what is rare for the hour, three quarters for what "
    "is rare for the key.",
    "held": "What is held for most of 25 minutes, of half an hour or of an hour is compared with what was held so long "
    "before.",
    "bursty": "A key that passes 20 x its baseline once in two weeks has no usual peak: an event must also pass 1.5 x "
    "what the key reaches once in two weeks.",
}
"""Name -> its sentence, in the order in which they are applied."""
