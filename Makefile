# Two commands do everything: `make demo` and `make test`. Needs git, make, a C++ compiler and Python 3.11 or newer.

PYTHON ?= python3
CORES  ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
VENV   ?= .venv
BIN    := $(VENV)/bin
# programs are run as its modules: their own files do not start where the folder's name has quotes or spaces in it
PY     := $(BIN)/python

.PHONY: install demo shown test fuzz bench gpu-check reference rulegraph docs clean

install: $(BIN)/.installed  ## the virtual environment with the pinned packages

$(BIN)/.installed: envs/requirements.txt envs/requirements-dev.txt pyproject.toml setup.py \
                   workflow/orandnet/crf/kernel.cpp
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python {sys.version.split()[0]} is too old: install 3.11 or newer, and run make PYTHON=python3.11")'
	@$(PYTHON) -c 'import os, sys; path = os.path.abspath("$(VENV)"); set(path) & set("{}$$") and sys.exit(f"{path}: pip cannot install packages where the name has braces or $$; give another folder: make VENV=/some/folder install demo")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: install  ## the whole pipeline on the embedded data set, then the tables
	ORANDNET_RESULTS_FOLLOW=1 $(PY) -m snakemake --cores $(CORES) --configfile config.yaml
	@run="$$($(PY) -m orandnet where --config config.yaml)" && $(MAKE) --no-print-directory shown RUN="$$run"

# RUN comes from the checked config, by `orandnet where`: no other text of config.yaml reaches make or a shell
ifeq ($(origin RUN),command line)
TABLES := $(RUN)/tables/table1_pseudo_masks.csv $(RUN)/tables/table2_segmentation.csv \
          $(RUN)/tables/table3_scale_scheduling.csv $(RUN)/tables/ensembles_and_members.csv

shown:
	@$(PY) -m orandnet report show --tables $(TABLES)
	@echo
	@echo "tables    $(RUN)/tables"
	@echo "figures   $(RUN)/figures"
	@echo "page      $(RUN)/report.html"
endif

test: install  ## style, then every test
	$(PY) -m pytest

FUZZ ?= 3000

fuzz: install  ## damaged files for every reader of foreign bytes, FUZZ of them for each reader: minutes
	ORANDNET_FUZZ_EXAMPLES=$(FUZZ) $(PY) -m pytest tests/hostile/test_fuzz.py -q

bench: install  ## the package against straightforward forms of the same work; options in BENCH, such as BENCH=--help
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) benchmarks/compare.py $(BENCH)

gpu-check: install  ## ten minutes on a GPU: facts, agreement, speed, memory, the demo; options in GPU_CHECK
	$(PY) benchmarks/gpu_check.py $(GPU_CHECK)

reference: install  ## the generated schema and key reference
	$(PY) -m orandnet reference

rulegraph: install  ## the drawing of the rules in docs/architecture.md; needs graphviz
	$(PY) -m snakemake --configfile config.yaml --rulegraph | $(PY) images/rulegraph.py > images/rulegraph.svg.new
	@mv images/rulegraph.svg.new images/rulegraph.svg

docs: install  ## the documentation as a site: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

clean:  ## forget the demo's results, keep the installation
	@test -x $(PY) || { echo "make clean asks the installed package what config.yaml calls its run: make install first"; exit 1; }
	@$(PY) -m orandnet clean --config config.yaml
