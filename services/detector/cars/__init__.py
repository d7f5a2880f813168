"""Cars: from the strips of the tracks to features, evidence, segmentation and intervals."""
