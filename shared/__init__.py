"""What the services share: events, bus, state, blobs, sites, settings and metrics."""
