"""From folders of images to batches: find, inspect, split, decode once, augment, load."""
