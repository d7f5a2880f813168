"""Checks of the files in deploy/, which start nothing: `make check-deploy`."""
