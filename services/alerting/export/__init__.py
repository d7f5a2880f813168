"""Products as files: tables, and a static STAC catalogue. Few rows are in memory at a time, however many there are."""
