# Two commands are all a newcomer needs: `make demo` and `make test`. Python and make do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SOURCES := dbt_selligent tests sample_project

.PHONY: demo test check format lint types bench soak schema clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[sandbox,dev]'
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

format: $(READY)        ## formats the code
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(READY)         ## speed and memory, as ratios within one run
	$(BIN)/python tests/benchmarks/bench.py
	$(BIN)/python tests/benchmarks/pace.py

SECONDS ?= 3600
SEED ?= 1
soak: $(READY)          ## syncs, kills, faults and changes of plan from one seed; SECONDS=3600 SEED=1
	cd tests && ../$(BIN)/python -m soak --seconds $(SECONDS) --seed $(SEED)

schema: $(READY)        ## writes the JSON Schema of an activation
	$(BIN)/python -m dbt_selligent.meta > dbt_selligent/activation.schema.json

clean:
	rm -rf $(VENV) dist
