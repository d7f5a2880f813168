"""Composites: a baseline merged from several good looks, without the cars that stood in them."""
