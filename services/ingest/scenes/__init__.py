"""A scene on its way through ingest: brought here, checked, cut into tiles, published, and claimed."""
