"""What sessions share: caches that can hold nothing of an upload, told from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pneumo_core.files import PROJECT_FOLDER

CACHES = {"cache_data", "cache_resource"}
PUBLIC = {
    "Dataset",
    "OperatingPoint",
    "Run",
    "SplitRule",
    "Target",
    "bool",
    "dict[Case, Example]",
    "float",
    "int",
    "int | None",
    "str | None",
    "tuple[Case, ...]",
    "tuple[tuple[str, int], ...]",
}
"""Types of what a shared cache may be given: runs, data sets, numbers, choices."""

NAMES = {
    "fingerprint",
    "folder",
    "image_id",
    "method",
    "name",
    "path",
    "sha256",
    "split",
    "target",
}
"""Texts that it may be given: those of runs and data sets, and names of methods."""


def sources() -> list[Path]:
    folders = [PROJECT_FOLDER / name for name in ("ui", "pages")]
    return [PROJECT_FOLDER / "app.py", *(path for each in folders for path in each.rglob("*.py"))]


def shared_caches(code: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every function that a cache of all sessions remembers: its name, its parameters' types."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if not CACHES & set(ast.unparse(call.func if call else decorator).split(".")):
                continue
            options = {each.arg: each.value for each in call.keywords} if call else {}
            scope = options.get("scope")
            if isinstance(scope, ast.Constant) and scope.value == "session":
                continue
            kinds = node.args
            every = [*kinds.posonlyargs, *kinds.args, *kinds.kwonlyargs]
            every += [each for each in (kinds.vararg, kinds.kwarg) if each]
            yield node.name, {each.arg: ast.unparse(each.annotation) for each in every}


def suspicious(code: str) -> list[str]:
    """Parameters of shared caches through which something of an upload could come."""
    return [
        f"{function}({name}: {kind})"
        for function, parameters in shared_caches(code)
        for name, kind in parameters.items()
        if kind not in PUBLIC
        and not (kind == "str" and name in NAMES)
        and not (kind == "tuple[str, ...]" and name == "ids")
    ]


def uses(code: str) -> int:
    """How often a cache is named at all: also called by another name it would be found."""
    return sum(
        isinstance(node, ast.Attribute) and node.attr in CACHES
        for node in ast.walk(ast.parse(code))
    ) + sum(
        isinstance(node, ast.alias) and node.name in CACHES for node in ast.walk(ast.parse(code))
    )


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PROJECT_FOLDER))
def test_no_cache_of_all_sessions_takes_an_upload(path: Path) -> None:
    assert suspicious(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PROJECT_FOLDER))
def test_caches_are_decorators_and_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    decorators = sum(
        bool(
            CACHES & set(ast.unparse(each.func if isinstance(each, ast.Call) else each).split("."))
        )
        for node in functions
        for each in node.decorator_list
    )
    assert uses(path.read_text("utf-8")) == decorators


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("@st.cache_data\ndef read(data: bytes)", ["read(data: bytes)"]),
        ("@st.cache_resource(max_entries=2)\ndef f(key: str, _film: Film)", 2),
        ("@st.cache_data(scope='global')\ndef f(name: str, *, pixels: np.ndarray)", 1),
        ("@streamlit.cache_data(scope=scope)\ndef f(*parts: bytes)", 1),
        ("@st.cache_data(scope='session')\ndef f(data: bytes)", 0),
        ("@st.cache_resource\ndef f(name: str, sha256: str, _run: Run)", 0),
        ("@st.cache_resource\ndef f(digest: str)", 1),
    ],
)
def test_a_cache_that_takes_an_upload_would_be_found(head: str, found: list[str] | int) -> None:
    told = suspicious(f"{head}:\n    ...")
    assert (told if isinstance(found, list) else len(told)) == found


def test_there_are_shared_caches_to_look_at() -> None:
    names = {name for path in sources() for name, _ in shared_caches(path.read_text("utf-8"))}
    assert {"_detector", "_scores", "_heatmaps"} <= names
    assert not {"_read", "_predict", "_packed_film"} & names
