"""What others may have of sites, looks, cars and alerts: the same rows in every format, each with its provenance."""
