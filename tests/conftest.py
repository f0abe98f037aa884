"""What all tests share."""

from hypothesis import settings

pytest_plugins = ["tests.browser", "tests.elasticsearch.fixtures", "tests.prometheus.fixtures"]

# Machines are shared and noisy: how long an example takes says nothing.
# The same examples on every run, so that a red build can be repeated; `make search` looks for new ones.
settings.register_profile("sl", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("sl")
