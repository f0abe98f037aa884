"""What a run found, as tables, pictures and words.

Only `chart*.py` know matplotlib; they are imported when something is drawn.
"""
