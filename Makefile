# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

BUILD ?= build
JOBS ?= $(shell nproc)
MINUTES ?= 60
venv = $(BUILD)/venv/bin
timed = @tools/setup/timed.sh

.PHONY: help setup configure build run test check-all check-gpu fuzz bench clean
.NOTPARALLEL:

help:
	@echo "make run        set up, build, compile a real model and run it"
	@echo "make test       set up, build, run the tests"
	@echo "make check-all  make test, the long tests, clang-tidy, a few minutes of fuzzing"
	@echo "make check-gpu  set up, build, take the figures of a CUDA device (MODELS=FOLDERS)"
	@echo "make fuzz       fuzzes the importer, the runtime and the file readers for MINUTES ($(MINUTES))"
	@echo "make bench      set up, build, measure this machine and the kernels on it"
	@echo "make setup      install the packages that building needs"
	@echo "make build      set up and build; binaries are in $(BUILD)/bin"
	@echo "make clean      remove what was built, keep what was installed"
	@echo "JOBS=N limits how much runs at once (now $(JOBS))."

setup:
	$(timed) setup tools/setup/setup.sh $(BUILD)

configure: setup
	@if [ ! -f $(BUILD)/build.ninja ] || [ $(BUILD)/onnx-prefix -nt $(BUILD)/build.ninja ] \
	    || [ tools/setup/configure.sh -nt $(BUILD)/build.ninja ]; then \
	  tools/setup/timed.sh configure tools/setup/configure.sh $(BUILD); \
	fi

build: configure
	$(timed) build $(venv)/cmake --build $(BUILD) -j $(JOBS)

run: build
	@$(venv)/python tools/digits/show.py --bin $(BUILD)/bin

test: build
	$(timed) test $(venv)/ctest --test-dir $(BUILD) -j $(JOBS) -LE long --output-on-failure

check-all: build
	$(timed) check-all $(venv)/ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure
	$(timed) clang-tidy tools/ci/clang_tidy.sh $(BUILD) $(JOBS)
	$(timed) fuzz $(venv)/python tools/ci/fuzz.py --build $(BUILD) --folder $(BUILD)-fuzz --jobs $(JOBS)

check-gpu: build
	$(timed) check-gpu $(venv)/python tools/compare/gpu.py --bin $(BUILD)/bin --models $(MODELS) --json $(BUILD)/gpu.json --table $(BUILD)/gpu.md

fuzz: build
	$(timed) fuzz $(venv)/python tools/ci/fuzz.py --build $(BUILD) --folder $(BUILD)-fuzz --jobs $(JOBS) --minutes $(MINUTES)

bench: build
	$(timed) bench $(venv)/ctest --test-dir $(BUILD) -L bench -C bench --verbose

clean:
	@if [ -d $(BUILD) ]; then \
	  find $(BUILD) -mindepth 1 -maxdepth 1 ! -name venv -exec rm -rf {} +; \
	fi
