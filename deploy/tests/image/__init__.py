"""Tests of the built image, run with Podman: `make test-image`."""
