"""The one error that people see without a traceback: their request, or the world it met, was wrong.

It stands in the lowest layer, so that every package can raise it and the command line catches one class.
"""


class UserError(ValueError):
    """A message in four parts: what is wrong, where, what there is, what to do.

    Attributes:
        exit_code: 2 if the request was wrong, 1 if it was right and failed.
    """

    exit_code = 2
