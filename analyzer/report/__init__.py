"""What a run found, as tables, pictures and words.

Only `chart*.py` know matplotlib; they are imported when something is drawn.
"""

import logging

# What matplotlib says about its caches and fonts, at its very import, is of no use to who reads our terminal.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
