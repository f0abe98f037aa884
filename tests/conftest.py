"""What all tests share."""

from hypothesis import settings

pytest_plugins = ["tests.browser", "tests.elasticsearch.fixtures", "tests.prometheus.fixtures"]

# Machines are shared and noisy: how long an example takes says nothing.
settings.register_profile("sl", deadline=None)
settings.load_profile("sl")
