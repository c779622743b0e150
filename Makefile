# `make app` and `make test` do all their set-up themselves and repeat quickly.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: app test lint bench clean

app: .venv/app-ready
	$(BIN)/streamlit run app.py

test: .venv/test-ready lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Ratios in benchmarks/results, tables in docs/speed.md. It wants a quiet machine and half an hour.
bench: .venv/test-ready
	$(BIN)/python -m benchmarks

# A stamp for each set of requirements: it is renewed only when the file has changed.
.venv/app-ready: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test-ready: requirements-dev.txt .venv/app-ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))" || \
	  { echo "PneumoLens needs Python 3.11 or 3.12: name one with make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing: on Debian, apt-get install python3-venv."; rm -rf .venv; exit 1; }

clean:
	rm -rf .venv .pytest_cache .ruff_cache
