"""Metres of track under trains, where pixels of 1.3 to 4 m show no single car (docs/method.md, chapter 5)."""
