"""fingerspell: the 36 static signs of a sign language, from images to an honest number."""
