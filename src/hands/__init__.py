"""Where the hand is: found in a picture, followed through a film, and cut out for whoever reads it."""
