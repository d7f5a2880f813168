"""From a place on the map to a site: its tracks laid out, its files written, checked and drawn."""
