"""The sources in which ingest looks for scenes by itself: a directory, a bucket, a STAC API."""
