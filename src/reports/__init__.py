"""What people look at: tables in the terminal, figures, and what a sweep adds up to."""
