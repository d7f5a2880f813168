"""From the strips of the tracks to cars: evidence, segmentation and intervals."""
