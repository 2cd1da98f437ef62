# Two commands: `make demo` runs the main job, `make test` passes the tests. Both make their environment first.
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --frozen --all-extras
PYTEST := $(RUN) pytest -n 2 --dist loadfile

.PHONY: demo test fast lint
demo: .venv
	$(RUN) gradino demo $(ARGS)

test: lint fast
	$(PYTEST) -m slow $(SLOW)

fast: .venv  ## the tests without the slow ones
	$(PYTEST) -m "not slow" $(ARGS)

lint: .venv
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy

.venv: uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen --all-extras --compile-bytecode
	@touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv
