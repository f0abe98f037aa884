"""The rules on top of the stated threshold, a sentence each. Text alone: help shows it before anything is loaded."""

RULES = {
    "level": "A level that lasts longer than a day or two and is twice the usual one (or half of it) is a new normal.",
    "recurring": "Where most other weeks are three times as high as two of them, the second lowest is the baseline: "
    "what happens at the same hour week after week does not hide itself.",
    "days": "Where too few other weeks are known, the baseline is the same hour of the other working days, or of the "
    "other weekends; such events are of low confidence.",
    "pooled": "Where an hour has room for fewer than four buckets, its baseline is the median of its and its "
    "neighbours'.",
    "idle": "No baseline is below a tenth of the key's weekly p95: three times nothing is nothing.",
    "edges": "A baseline is at least half of those of the hours before and after: mornings shift when clocks change.",
    "tail": "A key that passes the threshold more often than once in two weeks must pass what it passes that rarely; "
    "small counts, what chance passes.",
    "artefacts": "An hour whose second highest bucket is 20 x its p95 holds an artefact of measuring: nothing is "
    "learned from its height.",
    "volume": "Where the tail asks for more, it asks a quarter for what is rare for the hour, three quarters for what "
    "is rare for the key.",
    "held": "What is held for most of 25 minutes, of half an hour or of an hour is compared with what was held so long "
    "before; of a key that passes 20 x its baseline once in two weeks, with its peaks.",
    "habit": "What passes the threshold on most days within two hours of a time of day is a habit: an event must pass "
    "1.25 x what four days of five reach.",
}
"""Name -> its sentence, in the order in which they are applied."""
