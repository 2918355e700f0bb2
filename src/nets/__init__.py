"""Networks as ordered lists of named stages, and the weights they start from."""
