# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
TORCH  := torch==2.13.0
TEXT   ?=
UPGRADE ?=
# Where the Shakespeare text is, for the tests and recipes that measure on it (see training/text_source.py)
export TINYSHAKESPEARE

.PHONY: demo verify test check fuzz train lock wheels clean sandbox machines site hub hub-remove

# What pip does not have. Root on Debian or Ubuntu gets it here; anybody else is told what to install.
define need
	@command -v $(1) >/dev/null || ls $(3) >/dev/null 2>&1 || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2); } >/dev/null; } || \
	  { echo "$(2) is missing: apt install $(2)"; $(4); }
endef

# Students' code runs in bubblewrap or not at all.
sandbox:
	$(call need,bwrap,bubblewrap,/nowhere,exit 1)

# The browser and the servers of the tests, which say so and skip without them.
machines:
	$(call need,chromium,chromium,/usr/bin/google-chrome,true)
	$(call need,initdb,postgresql,/usr/lib/postgresql/*/bin/initdb,true)
ifdef CI  # elsewhere, its package would start a server that listens to the network
	$(call need,sshd,openssh-server,/usr/sbin/sshd,true)
endif

# The lock files are complete, hence --no-deps. torch is not in them: its wheel on the registry
# depends on CUDA or not by platform, so that one is left to pip.
# Students have seqlab alone, staff the whole course.
$(VENV)/%.installed: requirements/%.txt pyproject.toml src/seqlab/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps -r $<
	$(if $(filter train,$*),$(BIN)/python -m pip install --quiet $(TORCH))
	$(BIN)/python -m pip install --quiet --no-deps --editable src/seqlab \
	  $(if $(filter-out student,$*),--editable .)
	touch $@

# A command of course for each assignment of the example class.
EXAMPLES := assignment5 gpt2
each = for name in $(EXAMPLES); do $(BIN)/course $(1) $$name || exit 1; done

# Build both releases, solve both masters, then let the example class hand in, grade it, print the
# scores and write feedback.
demo: sandbox $(VENV)/staff.installed
	$(call each,release)
	$(call each,solutions)
	$(BIN)/python -m examples.build
	$(call each,autograde)
	$(call each,feedback)

# What a student does first: install, and see that the data is whole.
verify: $(VENV)/student.installed
	$(BIN)/python -m seqlab verify

# One worker a core, each with a file at a time: the tests of a file share what is expensive.
JOBS   ?= logical
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

# Everything: lint, types, all tests, PyTorch, Keras and transformers as independent oracles.
test: sandbox machines $(VENV)/train.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

# The same without the oracles: no PyTorch, no TensorFlow, no slow tests: some minutes.
check: sandbox $(VENV)/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m "not slow"

# Submissions mutated from the example class, which takes an hour or two: FUZZ=1000 tries so many.
FUZZ   ?= 2000
fuzz: $(VENV)/dev.installed
	$(BIN)/python -m tests.fuzz $(FUZZ)

# A JupyterHub with this course, users and formgrader, on this machine alone, until Ctrl-C
# (docs/hub.md). Needs root, node and npm.
SETTINGS ?= hub/settings.toml
hub: sandbox
	$(PYTHON) -m hub --settings $(SETTINGS)

# The hub's users and its folder, with all that was submitted and marked there.
hub-remove:
	$(PYTHON) -m hub remove --settings $(SETTINGS)

# The documentation as a site, every link checked. REPOSITORY=https://... is linked from every page.
export REPOSITORY
site: $(VENV)/dev.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Make everything in data/ again. Each step can be interrupted and goes on where it was.
train: $(VENV)/train.installed
	$(BIN)/python -m training.make_all $(if $(TEXT),--text $(TEXT))

# Write the lock files anew; pins stay as long as they hold, unless UPGRADE=--upgrade. Needs uv.
# seqlab itself comes from this folder. The last step drops what --no-deps must not pull in, and
# rfc3987-syntax with lark: jsonschema would use them, if they were there, to check a kind of address
# that no notebook has, and building that grammar takes two seconds in every process.
lock:
	for lock in "student src/seqlab/pyproject.toml" "staff pyproject.toml" \
	            "hub hub/requirements.in" "hub-staff pyproject.toml --extra hub" \
	            "hub-students src/seqlab/pyproject.toml --extra hub" \
	            "dev pyproject.toml --extra dev" "train pyproject.toml --extra dev --extra train"; do \
	  file=requirements/$${lock%% *}.txt && \
	  uv pip compile --quiet $(UPGRADE) $${lock#* } --python-version 3.11 --universal \
	    --no-emit-index-url --no-header --no-annotate --no-emit-package sequence-models-seqlab \
	    --output-file $$file > /dev/null && \
	  sed -i -E '/^(nvidia-|cuda-|torch=|triton|tensorflow=|rfc3987-syntax=|lark=)/d' $$file || exit 1; \
	done

# Ask the registry whether students can install everything without a compiler. Needs uv.
wheels:
	$(PYTHON) requirements/wheels.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache training/work
