"""The one exception that users are meant to read."""


class KratosError(Exception):
    """An error whose message names the file, the value and the remedy.

    Scripts print it as one sentence, without a traceback; the log also names the line that raised it and its cause.
    """


def first_line(error: BaseException) -> str:
    """What a library's error says, without the lines that only help its authors."""
    return str(error).strip().split("\n")[0]
