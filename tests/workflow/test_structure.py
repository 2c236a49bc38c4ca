"""The house rules that a reader relies on: short files, a log and an environment per rule, a separate library."""

import ast
import re

import pytest

RULE = re.compile(r"^rule (\w+):\n((?:(?:    .*|[ \t]*)\n)*)", re.MULTILINE)


@pytest.fixture(scope="module")
def rules(project):
    """Text of every rule by name, and the folder of its file."""
    found = {}
    for path in sorted((project / "rules").glob("*.smk")):
        for name, body in RULE.findall(path.read_text(encoding="utf-8") + "\n"):
            assert name not in found
            found[name] = body
    assert len(found) >= 10
    return found


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [("Snakefile", 60), ("rules/*.smk", 150), ("scripts/*.py", 80), ("scripts/kratos/**/*.py", 300)],
)
def test_files_are_short(project, pattern, limit):
    lengths = {
        str(path.relative_to(project)): len(path.read_text(encoding="utf-8").splitlines())
        for path in project.glob(pattern)
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > limit} == {}


def test_every_rule_has_a_log_and_an_environment(rules):
    for key in ("log", "conda", "threads", "resources"):
        assert [name for name, body in rules.items() if f"    {key}:" not in body] == [], key
    for name, body in rules.items():
        assert re.search(r"runtime=", body), name
        assert re.search(r"mem_mb=", body), name


def test_every_rule_over_a_second_is_benchmarked(rules):
    assert [name for name, body in rules.items() if "    benchmark:" not in body and name != "summary"] == []


def test_every_rule_runs_the_script_of_its_name(project, rules):
    for name, body in rules.items():
        (script,) = re.findall(r'"\.\./scripts/(\w+)\.py"', body)
        assert script == name
        assert (project / "scripts" / f"{script}.py").exists()


def test_logs_and_benchmarks_name_all_wildcards_of_the_output(rules):
    """Otherwise two jobs write into one log."""
    for name, body in rules.items():
        sections = dict(re.findall(r"^    (output|log|benchmark):\s*\n((?:        .*\n)+)", body, re.MULTILINE))
        needed = set(re.findall(r"\{(\w+)\}", sections["output"]))
        for key in ("log", "benchmark"):
            if key in sections:
                assert set(re.findall(r"\{(\w+)\}", sections[key])) == needed, (name, key)


def test_every_environment_has_its_rules(project, rules):
    """Its content is the matter of tests/unit/test_environments.py."""
    used = {match for body in rules.values() for match in re.findall(r'"\.\./envs/(\w+)\.yaml"', body)}
    assert {path.stem for path in (project / "envs").glob("*.yaml")} == used


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_no_module_of_the_library_imports_snakemake(project):
    modules = list((project / "scripts" / "kratos").rglob("*.py"))
    assert len(modules) > 30
    for path in modules:
        names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
        assert not {name for name in names if name.split(".")[0] == "snakemake"}, path


def test_scripts_can_be_imported_without_snakemake(project):
    """A main with typed parameters, and one guarded block that reads Snakemake's object."""
    for path in (project / "scripts").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert "main" in functions, path
        assert all(argument.annotation for argument in functions["main"].args.args), path
        assert "snakemake" not in set(imported(tree)), path


def test_packages_stay_light(project):
    """Importing the package or a family of plug-ins loads no heavy library."""
    for path in (project / "scripts" / "kratos").rglob("__init__.py"):
        names = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
        assert not names & {"torch", "scanpy", "umap", "numba", "captum", "matplotlib", "sklearn"}, path


def test_no_machine_s_path_is_in_the_project(project):
    paths = [project / "Snakefile", *(project / "rules").glob("*"), *(project / "config").rglob("*.yaml")]
    paths += [p for p in (project / "scripts").rglob("*.py")]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"[\"'\s](/work/|/tmp/|/root/|/home/)", text), path
