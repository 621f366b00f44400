# Two commands do everything: `make demo` and `make test`. Needs git, make, a C++ compiler and Python 3.11 or newer.

PYTHON ?= python3
CORES  ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
BIN    := .venv/bin
RUN    := results/$(shell sed -n 's/^run: *\([^ \#]*\).*/\1/p' config.yaml)
TABLES := $(RUN)/tables/table1_pseudo_masks.csv $(RUN)/tables/table2_segmentation.csv \
          $(RUN)/tables/table3_scale_scheduling.csv

.PHONY: install demo test fuzz bench check reference lock clean

install: $(BIN)/.installed  ## the virtual environment with the pinned packages

$(BIN)/.installed: envs/requirements.txt envs/requirements-dev.txt pyproject.toml setup.py \
                   workflow/orandnet/crf/kernel.cpp
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python {sys.version.split()[0]} is too old: install 3.11 or newer, and run make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: install  ## the whole pipeline on the embedded data set, then the tables
	$(BIN)/snakemake --cores $(CORES) --configfile config.yaml
	@$(MAKE) --no-print-directory $(RUN)/report.html
	@$(BIN)/orandnet report show --tables $(TABLES)
	@echo
	@echo "tables    $(RUN)/tables"
	@echo "figures   $(RUN)/figures"
	@echo "report    $(RUN)/report.html"

$(RUN)/report.html: $(TABLES) $(wildcard $(RUN)/figures/*.png)
	$(BIN)/snakemake --configfile config.yaml --report $@ --quiet

test: install  ## style, then every test
	$(BIN)/python -m pytest

FUZZ ?= 3000

fuzz: install  ## damaged files for every reader of foreign bytes, FUZZ of them for each reader: minutes
	ORANDNET_FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest tests/hostile/test_fuzz.py -q

bench: install  ## the package against straightforward forms of the same work; options in BENCH, such as BENCH=--help
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/compare.py $(BENCH)

reference: install  ## the generated schema and key reference
	$(BIN)/orandnet reference

clean:  ## forget the demo's results, keep the installation
	rm -rf $(RUN)
