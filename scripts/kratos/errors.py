"""The one exception that users are meant to read."""


class KratosError(Exception):
    """An error whose message names the file, the value and the remedy.

    Scripts print it as one sentence, without a traceback; the log also names the line that raised it and its cause.
    """
