"""Sets with something peculiar to them: the entry, and the code that only it needs."""
