"""The tracks on a picture: centrelines, straightened strips, and lines moved onto the rails."""
