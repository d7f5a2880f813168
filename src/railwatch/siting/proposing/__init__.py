"""Tracks proposed from a clear picture. A person confirms them before anything is counted on them."""
