"""The forms in which sets of images lie on disk, one a file."""
