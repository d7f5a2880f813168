"""Every count that alerting took in, for as long as the object store keeps it."""
