"""The one exception that users are meant to read."""


class KratosError(Exception):
    """An error whose message names the file, the value and the remedy.

    Scripts print it as one sentence, without a traceback on the terminal (the traceback stays in the log).
    """
