"""The local page of `python -m src.demo`: camera, pictures and films in a browser, nothing from outside."""
