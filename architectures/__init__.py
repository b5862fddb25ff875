"""Paper architectures, one self-contained file each: `architectures/<name>/<name>.py`."""
