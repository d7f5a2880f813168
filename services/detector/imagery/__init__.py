"""Pictures: georeferenced rasters, their quality, and where the sun stood."""
