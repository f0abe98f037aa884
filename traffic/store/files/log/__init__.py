"""Files of log lines, whatever wrote them.

`reading` tells the format by the first lines, `raw` finds the fields of all lines, `meaning` holds what their names
promise against what they hold, and `laid` lays the lines down in one table.
"""

from traffic.store.files.log.account import Said
from traffic.store.files.log.laid import LaidLog

__all__ = ["LaidLog", "Said"]
