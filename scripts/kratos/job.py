"""Around a script: its log, its threads, and an error that a user can read."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kratos.errors import KratosError
from kratos.provenance import made_with

log = logging.getLogger("kratos")


@contextmanager
def job(log_file: str | Path, threads: int = 1) -> Iterator[None]:
    """Send everything that is printed to `log_file`, limit threads, and turn a `KratosError` into one sentence.

    Parameters
    ----------
    log_file
        The rule's log; progress bars and library output go there as well.
    threads
        Threads of linear algebra and torch. Numbers do not depend on it beyond rounding.

    Raises
    ------
    SystemExit
        With status 1 after a `KratosError`, whose message is on the terminal and in the log.
    """
    path = Path(log_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = os.dup(2)
    saved = os.dup(1), os.dup(2)
    with path.open("w", buffering=1, encoding="utf-8") as stream:
        sys.stdout.flush(), sys.stderr.flush()
        os.dup2(stream.fileno(), 1), os.dup2(stream.fileno(), 2)
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True)
        log.info("start-up took %.1f s", _seconds_since_start())
        started = time.perf_counter()
        try:
            with _limited(threads):
                yield
            log.info(made_with())
            log.info("done in %.1f s", time.perf_counter() - started)
        except KratosError as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s (raised in %s, line %d)", error, frame.filename, frame.lineno)
            if error.__cause__ is not None:
                log.error("caused by %s: %s", type(error.__cause__).__name__, error.__cause__)
            os.write(terminal, f"\nError: {error}\n(log: {path})\n".encode())
            raise SystemExit(1) from None
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os.dup2(saved[0], 1), os.dup2(saved[1], 2)
            for descriptor in (*saved, terminal):
                os.close(descriptor)


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    # For libraries that a script imports later, inside the job.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    with threadpool_limits(threads):
        yield


def _seconds_since_start() -> float:
    import psutil

    return time.time() - psutil.Process().create_time()
