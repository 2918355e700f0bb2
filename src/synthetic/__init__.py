"""The embedded dataset: a parametric 3-D hand, posed into the 36 signs and rendered without files or network."""
