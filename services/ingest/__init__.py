"""Turns scenes into tiles: takes scenes in, checks them, cuts out the tiles and publishes them."""
