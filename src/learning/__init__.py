"""Training: which stages learn when, at what rate, and what a run writes down."""
