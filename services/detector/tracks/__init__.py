"""Tracks: centrelines, their refinement, bridges over them, and strips along them."""
