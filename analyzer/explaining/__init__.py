"""Why something is an event, or none: the steps of the judgement, with the numbers to do it again by hand."""
