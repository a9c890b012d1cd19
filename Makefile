# Every target works in a fresh clone: .venv is made when it is missing, and brought up to date when the pins change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
PROFILE ?= development
PHASE ?= baseline
LAB_FLAGS ?= # --allow-root in a container, --no-browser on a server
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: venv run test lab lint bench figures study clean help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

venv: $(READY)  ## make the environment and nothing else

run: $(READY)  ## run a notebook headless: make run PHASE=baseline PROFILE=development
	$(BIN)/rlkit run $(PHASE) --profile $(PROFILE)

test: export OMP_NUM_THREADS := 1
test: $(READY)  ## run the tests, a process for each core (at most 4) with one thread
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

lab: $(READY)  ## open JupyterLab on this machine's own address, behind a token
	$(BIN)/jupyter lab --ip=127.0.0.1 $(LAB_FLAGS) notebooks

lint: $(READY)  ## check style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

bench: $(READY)  ## measure the speed-ups against stock libraries, in about an hour
	$(BIN)/python -m pytest -m slow
	$(BIN)/python benchmarks/rocket_league.py
	$(BIN)/python benchmarks/ppo.py --threads --cartpole --goal
	$(BIN)/python benchmarks/recurrent_ppo.py
	$(BIN)/python benchmarks/dqn.py
	$(BIN)/python benchmarks/dodge.py
	$(BIN)/python benchmarks/transport.py
	$(BIN)/python benchmarks/panel.py

figures: $(READY)  ## measure again what README.md quotes, two hours on a quiet machine, and list what differs
	$(BIN)/python benchmarks/rocket_league.py --keep
	$(BIN)/python benchmarks/ppo.py --rounds 3 --seconds 0.6 --cartpole --goal --keep
	$(BIN)/python benchmarks/panel.py --keep
	$(BIN)/python benchmarks/recurrent_ppo.py --keep
	$(BIN)/python benchmarks/notebooks.py recurrent --tables summary,verdicts --keep
	$(BIN)/python benchmarks/league.py --seconds 1 --rounds 5 --keep
	$(BIN)/python benchmarks/matches.py --keep
	$(BIN)/python benchmarks/dqn.py --rounds 3 --seconds 1 --keep
	$(BIN)/python benchmarks/dodge.py --rounds 5 --seconds 0.7 --keep
	$(BIN)/python benchmarks/notebooks.py dodge --tables settings,changes,throwers --keep
	$(BIN)/python benchmarks/notebooks.py cartpole --tables summary --keep
	$(BIN)/rlkit claims README.md

study: $(READY)  ## are the learning curves the same? the race against other trainers, and the way to a winner; hours
	$(BIN)/python benchmarks/learning.py --jobs 2
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/winning.py --profile quarter_hour
	$(BIN)/python benchmarks/winning.py --profile pairs --seeds 1 --at 60 --games 400

clean:  ## remove what make made; runs in outputs/ stay
	rm -rf $(VENV) build *.egg-info
