"""Pictures: georeferenced rasters, their quality, the structure of the ground, and the position of the sun."""
