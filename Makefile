# Two commands on a fresh clone, each doing its own set-up in .venv:
#   make study   run every notebook headless; results in data/runs, figures in figures/
#   make test    format check, lint, types, tests
# `make lab` opens JupyterLab, `make strip` takes outputs out of notebooks that were worked in. `make study DATASET=imagenette PROFILE=small` is the next size.

PYTHON ?= python3
DATASET ?= digits
PROFILE ?= small
BIN := .venv/bin
READY := .venv/ready

.PHONY: study gallery book test faults soak lab strip doctor clean

study: $(READY)
	$(BIN)/python -m rdc_kit study --dataset $(DATASET) --profile $(PROFILE)

# The newest finished run of each notebook as pages in data/gallery; open its index.html.
gallery: $(READY)
	$(BIN)/python -m rdc_kit gallery

# Notebooks as they were last run, glossary, ledger, figures and API as one site in data/book.
book: $(READY)
	$(BIN)/python -m rdc_kit book

test: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
# Two processes with one thread each: twice as fast as one with two, and no test waits for another.
# In the order of the folders: sorted by the number of tests, the longest ones come last, alone.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Every file operation of everything that writes fails once; the table goes to data/evidence.
faults: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults --kills 12 --out data/evidence/faults.csv

# Hours in a row: work in one home that is killed and started again, over and over.
MINUTES ?= 60
soak: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --out data/evidence/soak.csv

# On this machine only, behind its token. JupyterLab refuses root, the usual user of a container, unless told.
lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir . --ip 127.0.0.1 $(if $(filter 0,$(shell id -u)),--allow-root)

strip: $(READY)
	$(BIN)/jupyter nbconvert --clear-output --inplace notebooks/*.ipynb notebooks/solutions/*.ipynb

doctor: $(READY)
	$(BIN)/python -m rdc_kit doctor

# A half-made environment has no stamp, so an interrupted installation starts again.
$(READY): requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
# The benchmark's own package, for one test; alone, for it asks for wandb and torchaudio.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps rethinkdc==0.3.2
	touch $(READY)

clean:
	rm -rf .venv
