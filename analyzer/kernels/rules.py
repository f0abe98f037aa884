"""The rules on top of the stated threshold, one sentence each. Only text: help shows it before anything is loaded."""

RULES = {
    "level": "A level that lasts longer than a day or two and is at least twice the usual one (or at most half of "
    "it) becomes the new normal.",
    "recurring": "If most other weeks are three times as high as the two lowest, the second lowest is the baseline,"
    " so that an event at the same hour of every week does not hide itself.",
    "days": "If there are too few other weeks, the baseline is the same hour of the other working days or weekend "
    "days; such events have low confidence.",
    "pooled": "If an hour has fewer than four buckets, its baseline is the median of its own and its neighbours' "
    "baselines.",
    "idle": "No baseline is below a tenth of the series' weekly p95, because three times almost nothing is still "
    "almost nothing.",
    "edges": "A baseline is at least half of that of the hours before and after, because mornings shift when clocks"
    " change.",
    "tail": "If a series exceeds its threshold more often than once in two weeks, the threshold is raised to what "
    "it exceeds that rarely; for small counts, to what chance exceeds that rarely.",
    "artefacts": "If the second highest bucket of an hour is 20 x its p95, it is a measurement artefact, and "
    "nothing is learned from its height.",
    "volume": "Where `tail` raises the threshold, the new one counts a quarter for what is rare at that hour and "
    "three quarters for what is rare for the series at any hour.",
    "held": "A level held for most of 25 minutes, half an hour or an hour has a limit of its own, lower than that "
    "for short peaks, unless the series itself has bursts above 20 x its baseline.",
    "habit": "If a series exceeds its threshold on most days within two hours of some time of day, that is a habit:"
    " an event must exceed 1.25 x what four days out of five reach.",
}
"""Name -> its sentence, in the order in which they are applied."""
