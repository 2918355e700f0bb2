"""Networks as ordered lists of named stages, and the weights they start from."""

# What records say of a network that began from random numbers rather than from trained weights.
RANDOM_START = "random start"
