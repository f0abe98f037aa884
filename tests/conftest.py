"""Fixtures that tests in any folder may ask for."""

pytest_plugins = ["tests.elasticsearch.fixtures"]
