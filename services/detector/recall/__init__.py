"""Live recall: known cars painted into a tile, and how many of them are found."""
