"""Tile and baseline brought into agreement: registration, radiometry and visibility."""
