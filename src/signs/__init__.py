"""What is recognised: the 36 signs and the public datasets that show them."""
