"""A trained network at work: pictures, video, text, and a file that other programs can run."""
