"""How a command line becomes checked settings, and errors that are one sentence."""
