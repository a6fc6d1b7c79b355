"""The laws of the house that a machine can check. Each names its offenders; none may select nothing."""

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.needs import require_program
from tests.readme import README, generated

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "config", "detectors")
SOURCES = {path.relative_to(ROOT).as_posix(): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}

# Foreign library → the files that may import it. A row whose library nobody imports there fails: then it can go.
DOORS = {
    "huggingface_hub": "agent/embedding/compile*.py",
    "jmespath": "agent/payloads/expressions.py config/sections_payload.py",
    "kafka": "agent/sources/kafka.py agent/sources/kafka_peek.py agent/sources/kafka_sender.py",
    "onnx": "agent/embedding/compile*.py",
    "onnxruntime": "agent/embedding/*.py",
    "orjson": "agent/payloads/jsontext.py",
    "prometheus_client": "agent/metrics.py agent/server.py",
    "pyarrow": "agent/fitting/parquet.py",
    "pydantic": "config/*.py",
    "pydantic_core": "config/*.py",
    "rich": "agent/cli_*.py agent/report*.py",
    "scipy": "detectors/twins.py",  # to fit only
    "sentence_transformers": "agent/embedding/compile*.py",
    "sklearn": "detectors/novelty.py",
    "tokenizers": "agent/embedding/*.py",
    "torch": "agent/embedding/compile*.py",
    "transformers": "agent/embedding/compile*.py",
    "typer": "agent/cli*.py",
    "yaml": "config/yamlfile.py",
    "zstandard": "agent/sources/lines.py agent/payloads/compression.py",
    "numpy": "agent/*.py detectors/*.py",  # plain arrays are the common language
}
STANDARD = set(sys.stdlib_module_names) | {"_typeshed"}

MODULE_LINES = 200
FUNCTION_LINES = 40

# What a process that imports the first must not have loaded: start-up time and memory of the sidecar.
HEAVY = {"torch", "sentence_transformers", "transformers", "sklearn", "scipy", "onnx", "pyarrow"}
NEVER_LOADED = {
    "agent.cli": HEAVY | {"onnxruntime", "numpy", "pydantic", "rich"},
    "agent.service": HEAVY,
    "agent.replay": HEAVY,
    "agent.wiring": HEAVY,
    "agent.embedding.runtime": HEAVY,
}

PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def imported(tree: ast.AST) -> Iterator[str]:
    """The full names of the modules that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)


def foreign(tree: ast.AST) -> set[str]:
    """The names of other people's libraries that a module imports."""
    return {name.partition(".")[0] for name in imported(tree)} - STANDARD - set(PACKAGES)


def tracked_files() -> list[Path]:
    git = require_program("git", "install git")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_there_is_something_to_check():
    assert len(SOURCES) > 20
    assert len(tracked_files()) > len(SOURCES)


@pytest.mark.parametrize("package", PACKAGES)
def test_offmap_alone_owns_its_import_names(package):
    spec = importlib.util.find_spec(package)
    assert Path(spec.origin).parent == ROOT / package
    elsewhere = [Path(entry) for entry in sys.path if entry and Path(entry).resolve() != ROOT]
    taken = [folder / name for folder in elsewhere for name in (package, f"{package}.py")]
    assert taken
    assert not [str(path) for path in taken if path.exists()], "another distribution brings the same name"
    owners = importlib.metadata.packages_distributions().get(package, ["offmap"])
    assert set(owners) == {"offmap"}


@pytest.mark.parametrize("library", DOORS)
def test_a_foreign_library_has_one_door(library):
    patterns = DOORS[library].split()
    users = {name for name, tree in TREES.items() if library in foreign(tree)}
    for pattern in patterns:
        assert any(fnmatch(name, pattern) for name in users), f"{pattern} lets {library} in for nobody"
    assert not {name for name in users if not any(fnmatch(name, pattern) for pattern in patterns)}


def test_every_foreign_library_has_its_door_in_the_table():
    unknown = {name: foreign(tree) - set(DOORS) for name, tree in TREES.items()}
    assert not {name: sorted(libraries) for name, libraries in unknown.items() if libraries}


def test_modules_are_short():
    lengths = {name: path.read_text(encoding="utf-8").count("\n") for name, path in SOURCES.items()}
    assert not {name: length for name, length in lengths.items() if length > MODULE_LINES}


def function_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which may say as much as it must."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= function.body[0].end_lineno - function.body[0].lineno + 1
    return lines


def test_functions_are_short():
    functions = {
        f"{name}:{node.lineno} {node.name}": function_lines(node)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(functions) > 50
    assert not {name: length for name, length in functions.items() if length > FUNCTION_LINES}


def test_no_pickle_anywhere():
    users = {name: {module.partition(".")[0] for module in imported(tree)} & PICKLES for name, tree in TREES.items()}
    assert not {name: found for name, found in users.items() if found}
    allowing = [
        f"{name}:{node.value.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"
    ]
    assert not allowing


def lock(name: str) -> str:
    return (ROOT / "requirements" / name).read_text(encoding="utf-8")


def test_lock_files_hold_no_address():
    folder = ROOT / "requirements"
    locks = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"runtime.txt", "dev.txt", "uv.txt", "torch.txt"} <= locks
    addresses = re.compile(r"\w+://\S+|--(?:extra-)?index-url|--find-links|^-[if]\b", re.MULTILINE)
    assert not {name: addresses.findall(lock(name)) for name in locks if addresses.search(lock(name))}


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "uv.txt", "build.txt"])
def test_every_locked_package_is_pinned_by_hash(name):
    pins = re.findall(r"^[a-z0-9]\S*.*", lock(name), re.MULTILINE)
    hashed = re.findall(r"^[a-z0-9]\S*==.*\\\n    --hash=sha256:", lock(name), re.MULTILINE)
    assert pins
    assert len(pins) == len(hashed)


def test_the_sidecar_is_locked_without_what_only_fitting_needs():
    pins = set(re.findall(r"^([a-z0-9-]+)", lock("runtime.txt"), re.MULTILINE))
    assert "numpy" in pins
    assert not pins & {"torch", "sentence-transformers", "transformers", "scikit-learn", "scipy", "onnx", "pyarrow"}


@pytest.mark.parametrize("module", NEVER_LOADED)
def test_nothing_heavy_is_loaded(module):
    program = f"import {module}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "agent" in loaded
    assert not loaded & NEVER_LOADED[module]


def test_the_readme_says_what_the_code_says():
    text = README.read_text(encoding="utf-8")
    assert generated(text) == text, "run `make docs`"


def test_no_path_of_somebodys_machine():
    # in pieces, or this file would be the first to be found
    places = "|".join(["/" + "root/", "/" + r"home/\w+/", "/" + r"Users/\w+/", "/" + "work/", r"[A-Z]:\\" + "Users"])
    found = {}
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        hits = re.findall(rf"(?<![\w.])(?:{places})\S*", text)
        if hits:
            found[path.relative_to(ROOT).as_posix()] = hits[:3]
    assert not found


def test_every_marker_marks_something():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = [line.partition(":")[0] for line in settings["tool"]["pytest"]["ini_options"]["markers"]]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    assert markers
    assert not [marker for marker in markers if f"pytest.mark.{marker}" not in tests]
