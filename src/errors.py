"""What a user is meant to read."""


class UserError(Exception):
    """A mistake that the user can mend: one sentence saying what is wrong, where, and how to mend it.

    Doors print its text alone and exit with status 2; everything else is a defect and keeps its traceback.
    """


class StrangerError(UserError):
    """A file asks for a class that neither the project nor the user has named; nothing of it was imported."""
