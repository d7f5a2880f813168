"""The HTTP API by which scenes are pushed."""
