# SPDX-License-Identifier: Apache-2.0
#
# For people. Meson does the work (meson.build); `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PREFIX ?= /usr/local
export DESTDIR NAMES RENEW FORCE # read by meson install and tools/generate-certs
program := build/thermograph

.PHONY: all examples run test test-compose test-package test-long check bench generate_certs deb install clean help \
  packages packages-for-tests

all: $(program)

# Always asked, since only ninja knows what is out of date.
.PHONY: $(program)
$(program): build/build.ninja
	@[ -e $@ ] || echo "building $@; the first time this takes about half a minute ..."
	@ninja -C build --quiet src/cli/thermograph | { grep -v 'no work to do' || true; }
	@ln -sfn src/cli/thermograph $@

build/build.ninja:
	@command -v meson ninja >/dev/null || { echo "Packages are missing. Run: tools/install-packages" >&2; exit 1; }
	@meson setup build --prefix $(PREFIX) -Dtests=false >build.log 2>&1 || { cat build.log; rm -f build.log; exit 1; }
	@rm -f build.log

# Only ours to build: those in Python and for grpcurl run as they are.
examples: build/build.ninja
	@ninja -C build --quiet examples/instrumented | { grep -v 'no work to do' || true; }

packages:
	@tools/install-packages build

packages-for-tests:
	@tools/install-packages build test

# A PORT that the environment happens to have is not meant for this.
run: packages
	@$(MAKE) --no-print-directory $(program)
	@[ -e certs/server.crt ] || tools/generate-certs certs
	@$(if $(filter command,$(firstword $(origin PORT))),THERMOGRAPH_PORT=$(PORT)) exec tools/run-demo

test: packages-for-tests
	@tests/run

# Builds the Debian package, installs it on a Debian of its own, uses, upgrades and removes it there.
test-package: packages-for-tests
	@tools/install-packages deb
	@tests/run package

# The whole system in containers; with no Docker engine there, root is needed to start one.
test-compose:
	@tests/compose/run

test-long: packages-for-tests
	@tools/install-packages deb
	@FUZZ_SECONDS=300 CRASH_ROUNDS=1000 POWER_ROUNDS=1000 FAULT_ROUNDS=200 tests/run --repeat 5
	@tests/run grafana package
	@tests/compose/run

check: packages-for-tests
	@tools/check

bench: packages
	@tools/install-packages bench || echo "bench: what needs these packages is left out" >&2
	@tools/bench/run $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(DURATION),--duration $(DURATION)) $(if $(ONLY),--only "$(ONLY)")

generate_certs:
	@tools/generate-certs

deb: packages
	@tools/install-packages deb
	@echo "building the package; this takes two minutes ..."
	@tools/make-deb

# Root's files in build/ would be in the way of its owner's next `make`: what is built is built by the owner, also for
# `sudo make install`. The file list that meson installs from is written anew only with build.ninja; the log of an
# installation is the owner's if it is there before.
owner = $(shell stat -c %U $(firstword $(wildcard build) .))
as_owner = $(if $(filter-out 0,$(shell id -u))$(filter root UNKNOWN,$(owner)),,HOME=~$(owner) runuser -u $(owner) --)

.PHONY: built-for-install
built-for-install: $(program)
	meson configure build -Dprefix=$(PREFIX)
	@ninja -C build --quiet build.ninja installed
	@touch build/meson-logs/install-log.txt

install:
	@$(as_owner) $(MAKE) --no-print-directory built-for-install
	meson install -C build --no-rebuild

clean:
	rm -rf build build-asan build-tsan build-bench build-fuzz

help:
	@echo "make                 build $(program)"
	@echo "make examples        build build/examples/instrumented: a C program that uses the OpenTelemetry SDK"
	@echo "make run             a server and four simulated clients, here on this machine; Ctrl-C ends it"
	@echo "                     (on another port than 50051: PORT=50052)"
	@echo "make test            every test (make test-long: five times over, fuzzers, crashes, power cuts for"
	@echo "                     longer; Grafana, and the next two)"
	@echo "make test-compose    the whole system in containers (compose.yaml)"
	@echo "make test-package    the Debian package, from its making to its purge; needs root"
	@echo "make check           style, layers, warnings"
	@echo "make generate_certs  certificates in certs/, and what compose.yaml needs: secrets/, .env;"
	@echo "                     more names: NAMES=\"a.example.org 10.0.0.5\", RENEW=1 if there are some already"
	@echo "make bench           the same load on this server and on others; quick: ROUNDS=1 DURATION=2s ONLY=unary"
	@echo "make deb             the Debian package, in build/deb/"
	@echo "make install         into PREFIX ($(PREFIX)), below DESTDIR if given; then PREFIX/share/thermograph/set-up-service"
	@echo "                     makes a service of it"
	@echo "make clean           remove what was built; certs/ stays"
