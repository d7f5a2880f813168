"""Turns scenes into tiles: takes images in, checks them, cuts them up and publishes them."""
