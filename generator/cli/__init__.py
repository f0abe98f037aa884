"""The commands of the generator: options are declared, one function is called, its result is said.

Nothing but click is imported before a command runs, so that help answers at once.
"""

from generator.cli.generate import generate
from generator.cli.logs import logs
from generator.cli.serve import serve

COMMANDS = (generate, logs, serve)
