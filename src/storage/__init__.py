"""One cache for everything that is computed once: keys, locks, whole files, room on the disk."""
