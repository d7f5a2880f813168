"""The page on which sites are drawn: ingest serves it."""
