"""Tests of what is in deploy/: `static` starts nothing, `running` runs it, `image` runs the built image."""
