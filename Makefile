# make run and make test do all the set-up by themselves. Try: make run NOTEBOOK=resnet/ResNet.ipynb SCALE=cpu
PYTHON ?= python3
VENV ?= .venv
NOTEBOOK ?= resnet/ResNet.ipynb
SCALE ?= quick
BIN := $(VENV)/bin
TOOLS := $(BIN)/python -m tools

.PHONY: help run test site doctor new execute reproduce cost sync stamp table keep bench clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /make \1	/' | expand -t 16

run: $(VENV)/.ready  ## execute NOTEBOOK at SCALE (quick, cpu, gpu, paper) into build/, with HTML
	@$(TOOLS) run $(NOTEBOOK) --scale $(SCALE)

test: $(VENV)/.ready-dev  ## ruff, the unit tests, and every notebook at scale quick
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout=300 tests $$(git ls-files --cached --others --exclude-standard '*.ipynb')

site: $(VENV)/.ready-site  ## build the reading site into build/site: all notebooks and READMEs, for a browser
	@$(TOOLS) site

doctor:  ## say what is wrong with this machine or its set-up, and what to do
	@if $(BIN)/python -c '' 2>/dev/null; then $(TOOLS) doctor --venv $(VENV); \
		else "$(PYTHON)" -m tools doctor --venv $(VENV); fi

new: $(VENV)/.ready-dev  ## lay out a paper's folder: NAME=densenet PAPER="Huang et al., Densely …, CVPR 2017" TITLE=DenseNet
	@$(TOOLS) new $(if $(filter command,$(origin NAME)),"$$NAME","") --paper "$$PAPER" --title "$$TITLE"

execute: $(VENV)/.ready-dev  ## execute NOTEBOOK at SCALE (cpu, gpu, paper) in place and store its outputs
	@$(TOOLS) execute $(NOTEBOOK) --scale $(if $(filter file default undefined,$(origin SCALE)),cpu,$(SCALE))

reproduce: $(VENV)/.ready  ## execute all notebooks (or NOTEBOOKS="a b") at SCALE, JOBS at once, and sum up the results
	@$(TOOLS) reproduce $(NOTEBOOKS) $(if $(filter file default undefined,$(origin SCALE)),,--scale $(SCALE)) $(if $(JOBS),--jobs $(JOBS))

cost: $(VENV)/.ready-dev  ## count what the trainings of NOTEBOOKS, or all, would cost on a GPU at scales gpu and paper
	@$(TOOLS) cost $(NOTEBOOKS)

sync: $(VENV)/.ready-dev  ## refresh the notebooks' synced cells from the .py files
	@$(TOOLS) sync

stamp: $(VENV)/.ready-dev  ## write the address REPO=owner/name into every file that names it
	@$(TOOLS) stamp $(REPO)

table: $(VENV)/.ready-dev  ## fill the READMEs' result tables and sample pictures
	@$(TOOLS) table

keep: $(VENV)/.ready-dev  ## keep the small models that the notebooks saved at SCALE in the repository
	@$(TOOLS) keep --scale $(if $(filter file default undefined,$(origin SCALE)),cpu,$(SCALE))

bench: $(VENV)/.ready-dev  ## speed, as ratios: data loading, compiled training, the models, several processes
	@$(TOOLS) bench

clean:  ## remove what make run built; trainings and data stay
	rm -rf build

# A set-up that was broken off leaves .unfinished behind. The next one goes on from there, unless pip was stopped in the
# middle of a package: such a one has no RECORD, pip would take it for installed, and the environment is made anew.
HALF := import importlib.metadata as m, sys; sys.exit(any(d.read_text("RECORD") is None for d in m.distributions()))
define install
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or later is needed, this is $$("$(PYTHON)" --version): try make PYTHON=python3.12 …"; \
		echo "make doctor says more."; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make virtual environments. On Debian or Ubuntu: sudo apt install python3-venv"; \
		echo "make doctor says more."; exit 1; }
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1 || { [ -e $(VENV)/.unfinished ] && ! $(BIN)/python -c '$(HALF)'; }; \
		then "$(PYTHON)" -m venv --clear $(VENV); fi
	@touch $(VENV)/.unfinished
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1) || \
		{ echo "The packages could not be installed. make doctor says what is wrong here, and what to do."; exit 1; }
	@rm $(VENV)/.unfinished
	@touch $(VENV)/.ready
endef

$(VENV)/.ready: requirements.txt
	$(call install,requirements.txt)

$(VENV)/.ready-site: requirements.txt requirements-site.txt
	$(call install,requirements-site.txt)
	@touch $(VENV)/.ready-site

$(VENV)/.ready-dev: requirements.txt requirements-site.txt requirements-dev.txt
	$(call install,requirements-dev.txt)
	@touch $(VENV)/.ready-dev
