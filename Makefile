# The verbs of projectmeats-fixes. `make help` lists them. Most need root, on a Debian 12 or newer
# with a Rust toolchain; what else they need they install once (`make tools`).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Roots and the stamp of the tools; outside the tree, so that a fresh clone finds them again.
export MEATS_CACHE ?= /var/cache/projectmeats-fixes

PACKAGES := binutils ca-certificates debian-archive-keyring dpkg-dev gcc libc6-dev lintian \
	mandoc mmdebstrap python3 python3-venv strace systemd systemd-container util-linux valgrind
CARGO_DEB := 3.8.0
CARGO_DENY := 0.20.2
DOTENV_LINTER := 4.0.0
STAMP := $(MEATS_CACHE)/tools-$(shell echo $(PACKAGES) $(CARGO_DEB) | cksum | cut -d ' ' -f 1)

# All programs are one, and their names are links to it. Root runs it before the service, and systemd
# itself does: static, so that no library can be slipped under it by the env file (LD_PRELOAD).
PROGRAM := target/release/meats
# CONTRIBUTING.md, "Size", has what each of these is worth.
# Tables for unwinding are left out where the C library's own start can do without (not on arm64).
LINK := -Wl,-z,pack-relative-relocs
ifeq ($(shell uname -m),x86_64)
LINK := $(LINK),--no-eh-frame-hdr,-T,debian/no-unwinding.ld
endif
STATIC := -C target-feature=+crt-static -C link-arg=$(LINK)

# No path of the machine that builds is in the programs. The crates are where cargo has fetched them,
# or in CRATES; the shell looks, for they may come while make runs.
CRATES ?= $$(ls -d "$${CARGO_HOME:-$$HOME/.cargo}"/registry/src/index.* | head -n 1)
# What is small is inlined, for a third of the instructions (CONTRIBUTING.md, "Size").
REMAP = RUSTFLAGS="--remap-path-prefix=$(CURDIR)=/usr/src/projectmeats-fixes \
	--remap-path-prefix=$(CRATES)=/usr/src/crates -C llvm-args=--inline-threshold=25"

.PHONY: help
help:
	@echo 'make demo        the whole road on one booted Debian: broken, healed, rebooted, purged'
	@echo '                 (KEEP=1 leaves a shell into it)'
	@echo 'make test        everything: test-quick, the package, lintian, booted roots'
	@echo 'make test-matrix the booted tests of several releases, on all of them'
	@echo 'make test-quick  format, clippy, unit, golden, architecture, docs'
	@echo 'make deb         the package, in target/debian'
	@echo 'make reproducible builds it twice, differently, and compares the bytes'
	@echo 'make source      the source package, with its crates, in target/source'
	@echo 'make source-check builds it on Debian 13, for amd64 and arm64 (10 minutes)'
	@echo 'make repo        a signed archive for apt in target/repo; KEY=whose'
	@echo 'make lint        format and clippy; changes nothing'
	@echo 'make deny        licences and sources of what is linked (cargo-deny)'
	@echo 'make fuzz        mutated env files for TIME=60 seconds; findings in fuzz/findings'
	@echo 'make bench       figures beside those of peers; into bench/RESULTS.md'
	@echo 'make bless       rewrites what is generated or recorded: goldens, man blocks, completions'
	@echo 'make shell       a shell in a booted root; HOST=broken, fresh or healed'
	@echo 'make docs        the manual as HTML, in docs'
	@echo 'make tools       what the other verbs need, installed once; they ask for it themselves'
	@echo 'make clean       removes target; make clean-roots the cached roots'

# --- prerequisites -------------------------------------------------------------------------------

.PHONY: tools
tools: $(STAMP)

$(STAMP):
	@[ "$$(id -u)" = 0 ] || { echo 'make: needs root, to install packages and boot roots' >&2; exit 1; }
	mkdir -p $(MEATS_CACHE)
	if ! dpkg-query -W -f '$${Status}\n' $(PACKAGES) 2>/dev/null | grep -c '^install ok installed' \
	    | grep -qx $(words $(PACKAGES)); then \
	    apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $(PACKAGES); \
	fi
	if [ "$$(cargo deb --version 2>/dev/null)" != $(CARGO_DEB) ]; then \
	    cargo install cargo-deb --quiet --locked --version $(CARGO_DEB); \
	fi
	touch $@

# --- the package ---------------------------------------------------------------------------------

# Symbols are kept until the check below has read them; cargo-deb strips what it packs.
deb: export CARGO_PROFILE_RELEASE_STRIP = false
# Every date in the package is that of the changelog's last entry.
deb: export SOURCE_DATE_EPOCH = $(shell dpkg-parsechangelog -STimestamp 2>/dev/null)

.PHONY: fetch
fetch: tools
	cargo fetch --quiet --locked --target $$(rustc -vV | sed -n 's/^host: //p')

.PHONY: deb
deb: fetch
	$(REMAP) cargo rustc --release --locked --bin meats -- $(STATIC)
	$(check_static)
	rm -f target/debian/projectmeats-fixes_*.deb
	cargo deb --no-build --strip --locked --quiet
	$(call finish_deb,$(wildcard target/debian/projectmeats-fixes_*.deb))
	@ls -l target/debian/projectmeats-fixes_*.deb

# A plain `cargo build` puts the dynamic file back without a word. A static program that asks the
# name service crashes where nsswitch.conf names a module and the user is missing, which is the
# very case that pre-start is there for.
define check_static
	@if readelf -l $(PROGRAM) | grep INTERP >/dev/null; then echo '$(PROGRAM) is not static' >&2; exit 1; fi
	@if nm $(PROGRAM) | grep -E ' [TW] (getpw|getgr(nam|gid|ent)|getaddrinfo|initgroups)'; then \
	    echo '$(PROGRAM) asks the name service' >&2; exit 1; fi
	@if ! nm $(PROGRAM) | grep ' T main$$' >/dev/null; then echo '$(PROGRAM) has no symbols to check' >&2; exit 1; fi

endef

# What cargo-deb does not do: the list of linked crates goes into the program, where scanners look
# for it (section .dep-v0); what was linked statically is named; Debian's tools expect md5sums.
define finish_deb
	@umask 022; deb=$$(ls target/debian/projectmeats-fixes_*.deb); tree=$$(mktemp -d); \
	trap 'rm -rf "$$tree"' EXIT; \
	dpkg-deb -R "$$deb" "$$tree/x"; \
	python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read().strip(), 9))' \
	    <debian/dep-v0.json >"$$tree/list"; \
	objcopy --add-section .dep-v0="$$tree/list" "$$tree/x/usr/libexec/projectmeats-fixes/meats"; \
	gcc=$$(basename "$$(dirname "$$(gcc -print-libgcc-file-name)")"); \
	built=$$(dpkg-query -W -f '$${source:Package} (= $${source:Version})\n' libc6-dev "libgcc-$$gcc-dev" \
	    | LC_ALL=C sort -u | paste -sd , | sed 's/,/, /g'); \
	sed -i "s/^Architecture:.*/&\nMulti-Arch: foreign/; s/^Depends:.*/&\nStatic-Built-Using: $$built/" "$$tree/x/DEBIAN/control"; \
	( cd "$$tree/x"; find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z \
	    | xargs -0 md5sum >DEBIAN/md5sums ); \
	dpkg-deb --root-owner-group -Zxz --build "$$tree/x" "$$deb" >/dev/null; \
	debian/squeeze "$$deb"
endef

# Built twice, in two directories, by two users with another home, time zone, locale and umask: the
# same bytes. The second user must be able to run cargo; where he is not, root builds both.
.PHONY: reproducible
reproducible: fetch
	tests/packaging/reproducible.sh

# The source package, for dpkg-buildpackage without network.
.PHONY: source
source: fetch
	tests/packaging/source.sh

# Debian 13's own Rust builds it without network, for amd64 and arm64; qemu runs the latter. This is
# also the check that the oldest Rust that we support is enough.
.PHONY: source-check
source-check: source
	RUST_BACKTRACE=0 cargo run --quiet --locked -p host --bin source

# A signed archive for apt in target/repo: make repo KEY=you@example.org.
.PHONY: repo
repo: deb
	dpkg -s apt-utils gnupg >/dev/null 2>&1 || { apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install apt-utils gnupg; }
	tests/packaging/repo.sh "$(KEY)"

# --- tests ---------------------------------------------------------------------------------------

.PHONY: lint
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, sources, second versions and unwanted crates. Known weaknesses are another matter: their
# list is fetched from a repository, and changes without us (cargo deny check advisories).
.PHONY: deny
deny: fetch
	if [ "$$(cargo deny --version 2>/dev/null)" != 'cargo-deny $(CARGO_DENY)' ]; then \
	    cargo install cargo-deny --quiet --locked --version $(CARGO_DENY); \
	fi
	cargo deny --locked check bans licenses sources

.PHONY: test-quick
test-quick: tools lint
	cargo test --locked

.PHONY: test
test: test-quick deny deb
	# Bookworm's lintian; that of the newest release, with every tag, is in tests/host/tests/judges.rs.
	lintian --fail-on error,warning --tag-display-limit 0 \
	    --suppress-tags shared-library-lacks-prerequisites,unknown-field target/debian/projectmeats-fixes_*.deb
	RUST_BACKTRACE=0 cargo test --locked -p bench
	RUST_BACKTRACE=0 cargo test --locked --no-fail-fast -p host -- --test-threads=2
	RUST_BACKTRACE=0 cargo test --locked --no-fail-fast -p attack -- --test-threads=3

.PHONY: fuzz
TIME ?= 60
fuzz:
	cargo run --quiet --locked --profile fuzz -p fuzz -- $(TIME)

# The booted tests that run on several releases, on all of them; `make test` takes the oldest and
# the newest.
.PHONY: test-matrix
test-matrix: deb
	MEATS_SUITES=all MEATS_KILLS=all RUST_BACKTRACE=0 cargo test --locked -p host --test suites \
	    --test setup --test unit_quoting --test unit_settings -- --test-threads=2

# PART=generator, pre-start, env, diagnose, service, size or capture: only that.
.PHONY: bench
bench: deb
	cargo install dotenv-linter --quiet --locked --version $(DOTENV_LINTER) --no-default-features \
	    --root $(MEATS_CACHE)/peers || echo 'dotenv-linter could not be built: it will be missing'
	$(REMAP) cargo rustc --quiet --release --locked -p bench --bin stopwatch -- -C target-feature=+crt-static
	$(REMAP) RUST_BACKTRACE=0 cargo run --quiet --release --locked -p bench --bin bench -- $(PART)

.PHONY: bless
bless:
	BLESS=1 cargo test --locked

# The manual as pages for a browser, linked with each other.
.PHONY: docs
docs: tools
	mkdir -p docs
	for page in man/*.[1578]; do \
	    mandoc -Thtml -O toc "$$page" | sed -E \
	        -e 's#<b>((meats|projectmeats|pre|capture|fixes)[a-z.-]*)</b>\(([1578])\)#<a href="\1.\3.html">\1(\3)</a>#g' \
	        >"docs/$${page##*/}.html"; \
	done
	cp docs/projectmeats-fixes.7.html docs/index.html
	for link in $$(grep -oh 'href="[a-z][a-z0-9.-]*\.html"' docs/*.html | sort -u | cut -d '"' -f 2); do \
	    [ -e "docs/$$link" ] || { echo "a link to $$link, which is no page" >&2; exit 1; }; \
	done
	@echo 'docs/index.html is the overview'

.PHONY: demo
demo:
	@begin=$$(date +%s); \
	echo 'the package is being built; the first time this takes some minutes'; \
	$(MAKE) --no-print-directory deb; \
	MEATS_DEMO_BEGIN=$$begin RUST_BACKTRACE=0 cargo run --quiet --locked -p host --bin demo

.PHONY: shell
shell: tools
	cargo run --quiet --locked -p host --bin shell

.PHONY: clean clean-roots
clean:
	cargo clean

clean-roots:
	rm -rf $(MEATS_CACHE)/roots $(MEATS_CACHE)/work
