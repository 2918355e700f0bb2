"""The local page of `python -m src.demo`: camera, images and films in a browser, nothing from outside."""
