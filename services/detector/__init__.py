"""Turns tiles into counts: differences each tile against its baseline and counts the railcars on the tracks."""
