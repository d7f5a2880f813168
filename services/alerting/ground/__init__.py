"""Pictures of the ground at looks, made when they are asked for: map tiles at full size, thumbnails, time-lapses."""
