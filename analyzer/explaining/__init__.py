"""Why something is an event, or is not: the steps of the judgement, with all the numbers to check it by hand."""
