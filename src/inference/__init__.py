"""A trained network at work: images, video, text, and a file that other programs can run."""
