"""What all tests share."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.browser", "tests.elasticsearch.fixtures", "tests.prometheus.fixtures"]

# Machines are shared and noisy: how long an example takes says nothing.
# The same examples on every run, so that a red build can be repeated; `make search` looks for new ones.
settings.register_profile("sl", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("sl")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file that share what is made once run one after another in one process (--dist loadgroup), which makes
    it; dealt out singly, every process would make its own. Servers that several files share have groups already."""
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group"):
            continue
        made = (known[-1] for known in item._fixtureinfo.name2fixturedefs.values())
        # Without a base it is a plugin's own: of those of a session none takes long to make.
        if any(one.scope == "module" or (one.scope == "session" and one.baseid) for one in made):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
