"""The maintainers' command, `python -m tools`: see `tools/__main__.py`."""
