"""Around a script: what a user sees on the terminal, what the log keeps, and the exit status."""

import re
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def run_job(project, tmp_path):
    """Run a script's block inside `job` in its own process; gives the process and the log's text."""

    def run(block, threads=1):
        log = tmp_path / "logs" / "deep" / "job.log"
        code = "import os, sys, logging\nfrom kratos.job import job\nfrom kratos.errors import KratosError\n"
        code += f"with job({str(log)!r}, {threads}):\n" + textwrap.indent(textwrap.dedent(block), "    ")
        code += "\nprint('after on stdout')\nprint('after on stderr', file=sys.stderr)\n"
        script = tmp_path / "script.py"
        script.write_text(code, encoding="utf-8")
        process = subprocess.run(
            [sys.executable, str(script)],
            env={"PYTHONPATH": str(project / "scripts"), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return process, log.read_text(encoding="utf-8")

    return run


def test_everything_printed_goes_to_the_log_and_nothing_to_the_terminal(run_job):
    process, log = run_job(
        """
        print("from print")
        print("from stderr", file=sys.stderr)
        os.write(1, b"from C, stdout\\n"); os.write(2, b"from C, stderr\\n")
        os.system("echo from a child")
        logging.getLogger("kratos.anything").info("from a logger")
        """
    )
    assert process.returncode == 0
    assert process.stdout == "after on stdout\n"
    assert process.stderr == "after on stderr\n"
    for text in ("print", "stderr", "C, stdout", "C, stderr", "a child", "a logger"):
        assert f"from {text}\n" in log
    assert "after" not in log


def test_the_log_says_how_long_start_up_and_work_took(run_job):
    _, log = run_job("pass")
    start_up = re.search(r"start-up took (\d+\.\d) s", log)
    assert 0 <= float(start_up[1]) < 60
    assert re.search(r"done in \d+\.\d s", log)


def test_an_error_for_users_is_one_sentence_with_the_log_and_status_1(run_job):
    process, log = run_job('raise KratosError("file x has 3 cells; give it more")')
    assert process.returncode == 1
    lines = process.stderr.strip().splitlines()
    assert lines[0] == "Error: file x has 3 cells; give it more"
    assert len(lines) == 2
    assert re.fullmatch(r"\(log: .*logs/deep/job\.log\)", lines[1])
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    assert "file x has 3 cells; give it more" in log
    assert "script.py, line" in log
    assert "done in" not in log


def test_the_log_names_what_caused_an_error_for_users(run_job):
    process, log = run_job(
        """
        try:
            int("seven")
        except ValueError as error:
            raise KratosError("x is not a number") from error
        """
    )
    assert "caused by ValueError: invalid literal for int() with base 10: 'seven'" in log
    assert "invalid literal" not in process.stderr


def test_a_message_with_other_letters_reaches_the_terminal(run_job):
    process, log = run_job('raise KratosError("λ of Müller’s file")')
    assert process.returncode == 1
    assert "λ of Müller’s file" in process.stderr
    assert "λ of Müller’s file" in log


def test_an_unexpected_error_keeps_its_traceback_in_the_log(run_job):
    process, log = run_job('raise ZeroDivisionError("a bug")')
    assert process.returncode == 1
    assert "Traceback (most recent call last)" in log
    assert "ZeroDivisionError: a bug" in log


def test_an_earlier_log_is_overwritten(run_job):
    _, first = run_job('print("first run")')
    _, second = run_job('print("second run")')
    assert "first run" in first
    assert "first run" not in second


@pytest.mark.parametrize("where", ["before", "inside"])
def test_libraries_keep_to_the_threads_wherever_they_are_imported(project, tmp_path, where):
    imports = "import numpy, torch"
    block = [
        imports,
        "import threadpoolctl",
        "print('torch', torch.get_num_threads())",
        "print('pools', {p['num_threads'] for p in threadpoolctl.threadpool_info()})",
    ]
    log = tmp_path / "x.log"
    code = [imports if where == "before" else "", "from kratos.job import job", f"with job({str(log)!r}, 1):"]
    script = "\n".join([*code, *(f"    {line}" for line in block)])
    subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(project / "scripts")}, check=True, timeout=60)
    text = log.read_text(encoding="utf-8")
    assert "torch 1\n" in text
    assert "pools {1}\n" in text
