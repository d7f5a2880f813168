"""Tile and baseline brought into agreement: registration, radiometry, and what can be seen."""
