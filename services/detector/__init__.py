"""From tiles to counts: compares each tile with its baseline and counts the railcars on the tracks."""
