# The only place that knows how to install. Every target makes the environment first; later runs find it ready.

VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Many tests of processes wait rather than work: for a lease to end, a quiet moment, a database to come back.
TESTERS = $(shell $(PYTHON) -c "import os; print(os.cpu_count() + 6)")

# The tests start hundreds of processes; where this is set, each of them would compile all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check fix bench lock wheel clean

demo: $(READY)
	@$(BIN)/balas demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

test: $(READY)
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)
	@$(BIN)/python -m bench $(ARGS)

# Exact versions and hashes of everything, for every platform, and no index address.
lock:
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet uv
	@$(VENV)/lock/bin/uv pip compile pyproject.toml --extra otel --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --output-file requirements.lock
	@$(VENV)/lock/bin/uv pip compile pyproject.toml --extra otel --constraint requirements.lock --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --output-file requirements-runtime.lock
	@echo uv | $(VENV)/lock/bin/uv pip compile - --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --output-file installer.lock
	@rm -rf $(VENV)/lock

# What is installed elsewhere, together with requirements-runtime.lock; built from a copy, so that no build/ is left here.
wheel: $(READY)
	@rm -rf $(VENV)/wheel && mkdir -p $(VENV)/wheel dist
	@tar --exclude=./$(VENV) --exclude=./.git --exclude=./dist --exclude=.balas -cf - . | tar -xf - -C $(VENV)/wheel
	@$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist $(VENV)/wheel
	@rm -rf $(VENV)/wheel

$(READY): requirements.lock installer.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("balas needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=…") if sys.version_info < (3, 11) else None'
	@echo "Installing the pinned dependencies into $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r installer.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	@rm -rf $(VENV) build *.egg-info
