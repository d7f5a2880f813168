"""Turns counts into alerts: keeps each site's history and judges every new count against it."""
