# Two commands are all a newcomer needs: `make demo` and `make test`. Python and make do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# EXTRAS=spark, as in `make check EXTRAS=spark`, installs Spark too: it takes 400 MB, and a Java of 17
# or later. Without either, tests on Spark are skipped, and say why.
EXTRAS ?=
COMMA := ,
READY := $(VENV)/ready$(EXTRAS:%=-%)
PEERS := .venv-peers
EXAMPLES := .venv-examples
SOURCES := dbt_selligent docs examples tests sample_project

.PHONY: demo test check examples format lint types bench peers soak schema docs screens clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[sandbox,dev$(EXTRAS:%=$(COMMA)%)]'
	touch $(READY)

demo: $(READY)          ## a sandbox, a dbt project with real data, two syncs, and a check of the lists
	$(BIN)/python sample_project/demo.py

test: $(READY)          ## the tests
	$(BIN)/python -m pytest -n auto

check: $(READY)         ## what CI runs: format, lint, types, tests
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(MAKE) test

$(EXAMPLES)/airflow/ready: tests/examples/airflow.txt
	$(PYTHON) -m venv $(EXAMPLES)/airflow
	$(EXAMPLES)/airflow/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
		--requirement tests/examples/airflow.txt
	touch $@

$(EXAMPLES)/dagster/ready: tests/examples/dagster.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv $(EXAMPLES)/dagster
	$(EXAMPLES)/dagster/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
		--constraint constraints.txt --requirement tests/examples/dagster.txt --editable .
	touch $@

# With Airflow and Dagster, each in an environment of its own: 900 MB.
examples: $(READY) $(EXAMPLES)/airflow/ready $(EXAMPLES)/dagster/ready  ## the examples, carried out
	$(BIN)/python -m pytest -n auto tests/examples

format: $(READY)        ## formats the code
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(READY) $(PEERS)/ready  ## speed and memory, as ratios within one run; then what peers does
	$(BIN)/python tests/benchmarks/bench.py
	$(BIN)/python tests/benchmarks/pace.py
	$(MAKE) peers

$(PEERS)/ready: tests/benchmarks/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement tests/benchmarks/peers.txt
	touch $(PEERS)/ready

ROWS ?= 1000000
ARGS ?=
peers: $(READY) $(PEERS)/ready  ## this tool beside drt, dlt and pandas; ROWS=4000000 ARGS="--delay 0.2"
	$(BIN)/python tests/benchmarks/peers.py --rows $(ROWS) $(ARGS)

SECONDS ?= 3600
SEED ?= 1
soak: $(READY)          ## syncs, kills, faults and changes of plan from one seed; SECONDS=3600 SEED=1
	cd tests && ../$(BIN)/python -m soak --seconds $(SECONDS) --seed $(SEED)

schema: $(READY)        ## writes the JSON Schema of an activation
	$(BIN)/python -m dbt_selligent.meta > dbt_selligent/activation.schema.json

docs: $(READY)          ## writes what the code knows better into the pages of docs/
	$(BIN)/python docs/generate.py
	$(BIN)/python -m dbt_selligent.cli.jsonevents > docs/events.md

screens: $(READY)       ## draws the pictures of the docs: what the commands show on a terminal
	$(BIN)/python docs/screens.py

clean:
	rm -rf $(VENV) $(PEERS) $(EXAMPLES) dist
