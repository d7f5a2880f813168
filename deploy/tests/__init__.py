"""Tests of deploy/ that need its tools; `make test-deploy` runs them."""
