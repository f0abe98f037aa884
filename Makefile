# Every target uses .venv/bin/python, whatever environment is active. Needs make and Python 3.11 or later; nothing else.

PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# pip's own cache may hold a damaged or outdated file, which the hashes would refuse: CI does without it.
INSTALL := $(PIP) install -q --require-hashes $(if $(CI),--no-cache-dir)
UV := uv==0.13.9

# A stamp is newer than what was installed from its lock. Both live in .venv, so they go with it.
RUNTIME := .venv/.runtime
DEV := .venv/.dev

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-elasticsearch demo-kentik demo-prometheus pictures docs cluster-env setup-dev check test faults search bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Compiled here so that no command has to do it, even where Python must not write bytecode: a tenth of a second each.
setup: $(RUNTIME) ## make .venv with what ./sl.py needs (only if missing or the lock changed)
	-@$(PY) -m compileall -q analyzer generator logs_generator traffic

demo: setup ## generate traffic with events in it, discover them, compare with the truth; the same on a hard world
	@echo './sl.py generate'
	@$(PY) sl.py generate
	@echo './sl.py discover'
	@$(PY) sl.py discover
	@echo
	@echo 'The same on a world that is hard to judge (input/scenario-hard.yaml):'
	@$(PY) sl.py generate -q --scenario input/scenario-hard.yaml --store output/hard --output output/hard-run
	@$(PY) sl.py discover -q --store output/hard --output output/hard-run
	@$(PY) sl.py runs --output output/hard-run
	@echo
	@echo 'Open output/report.html and output/hard-run/report.html in a browser.'

demo-elasticsearch: $(DEV) ## the same with a real Elasticsearch, which is started for it and stopped (Linux, Java, Maven)
	@$(PY) -m tests.elasticsearch.demo

demo-prometheus: $(DEV) ## the same with a real Prometheus, which is started for it and stopped (Debian's prometheus)
	@$(PY) -m tests.prometheus.demo

demo-kentik: $(DEV) ## discover on a Kentik account without having one: against a stand-in with the published limits
	@$(PY) -m tests.kentik.demo

pictures: export SL := $(CURDIR)/.venv/bin/python $(CURDIR)/sl.py
pictures: setup-dev ## draw the pictures of docs/pictures again, from a world of a fixed window (report*.png need chromium)
	folder=$$(mktemp -d) && cd $$folder && $$SL generate -q --flows --start 2026-10-12 --end 2026-11-23 \
	  && $$SL discover -q --direction both --charts 1 \
	  && cp output/events.png $(CURDIR)/docs/pictures/events.png && $$SL discover -q --charts 1 \
	  && cp output/events/01_*.png $(CURDIR)/docs/pictures/event.png \
	  && cd $(CURDIR) && $(PY) -m bench.screenshots $$folder/output/report.html && rm -r $$folder

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(DEV) ## build the documentation as a site into build/site, with warnings as errors
	$(PY) -m mkdocs build

cluster-env: ## write .env with passwords of your own, for docker compose up -d (docs/stack.md)
	@$(PYTHON) deploy/cluster/env.py

setup-dev: $(DEV) ## setup, and the tools for check, test and bench

check: $(DEV) ## style, format, types, who may import whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -q tests/test_architecture.py
	$(PY) -m tests.audit

# Some images do not let Python write bytecode: every test that starts a program would then compile it again.
test faults search: export PYTHONDONTWRITEBYTECODE :=
test: $(DEV) ## all tests, three at a time (two processors: some tests wait)
	$(PY) -m pytest -n 3 --dist loadgroup tests/

faults: $(DEV) ## kills, node losses, forged answers, damaged bytes, full disks: all of them, an hour or more
	$(PY) -m tests.faults

search: $(DEV) ## the property tests that need no server, with new random examples on every run
	$(PY) -m pytest -n 2 --dist loadgroup --hypothesis-profile search -m 'not elasticsearch' tests/

bench: $(DEV) ## measure speed and memory, write docs/benchmarks.md
	$(PY) -m bench

# Keeps the locked versions where requirements*.in still allow them; `make lock UPGRADE=--upgrade` takes the newest.
lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: ## compile requirements*.in and deploy/extras into their locks
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(PYTHON) -m venv "$$tmp" && "$$tmp/bin/python" -m pip --disable-pip-version-check install -q '$(UV)' && \
	for name in requirements requirements-dev tests/elasticsearch/java deploy/jupyter; do \
	    "$$tmp/bin/uv" pip compile -q --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	        --no-emit-index-url $(UPGRADE) $$name.in \
	        $$([ $$name = requirements ] && echo deploy/extras/server.in deploy/extras/redis.in) -o $$name.txt || exit 1; \
	done

clean: ## remove .venv and all caches; output/ stays
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "sl needs Python 3.11 or later, and '$(PYTHON)' is $$(command -v '$(PYTHON)' >/dev/null && $(PYTHON) --version 2>&1 || echo not there):" \
	        "name another one with  make PYTHON=/path/to/python3.12 setup" >&2; exit 1; }
	@echo 'making .venv (once, about half a minute)'
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }

# The second line heals an environment whose making was interrupted: it has a python but no pip.
$(RUNTIME): requirements.txt $(PY)
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(INSTALL) -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
