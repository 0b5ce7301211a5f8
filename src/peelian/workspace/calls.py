"""What a result was asked with: kept with each computed run, so that the run can be made again.

``runs/ID/call.json`` holds the arguments, the code and the platform; its hash is in the ledger with the others. The
configuration of the time lies under its hash in ``kept/``.
"""

from __future__ import annotations

import functools
import inspect
import platform
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import peelian
from peelian._version import __version__
from peelian.charter.durable import replace_file
from peelian.workspace.config import FILE, Config
from peelian.workspace.files import result_json, sha256_of, sha256_of_file
from peelian.workspace.outcome import Outcome

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["CALL", "KEPT", "code_digest", "kept_call", "platform_now", "recorded", "settings_files"]

P = ParamSpec("P")

CALL = "call.json"
KEPT = "kept"
_NOT_KEPT = ("executor", "jobs")  # who did the work changes no byte of it
_VERBS = {"import_records": "import"}
_LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "duckdb",
    "scikit-learn",
    "lightgbm",
    "numba",
    "shapely",
    "pyproj",
)
_EXTRAS = (
    "jax",
    "jaxlib",
    "numpyro",
)  # named where they are installed; asked of their metadata, not imported


def recorded(
    use_case: Callable[Concatenate[Workspace, P], Outcome],
) -> Callable[Concatenate[Workspace, P], Outcome]:
    """Keep the arguments of a use case with the run that it commits."""
    signature = inspect.signature(use_case)

    @functools.wraps(use_case)
    def asked(workspace: Workspace, /, *args: P.args, **kwargs: P.kwargs) -> Outcome:
        bound = signature.bind(workspace, *args, **kwargs)
        bound.apply_defaults()
        given = {
            name: _plain(value) for name, value in list(bound.arguments.items())[1:] if name not in _NOT_KEPT
        }
        workspace.guard.begin()
        workspace.call = {"verb": _VERBS.get(use_case.__name__, use_case.__name__), "arguments": given}
        try:
            with _one_blas_thread():
                return use_case(workspace, *args, **kwargs)
        finally:
            workspace.call = None

    return asked


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Let matrix products be summed in one order: shared among threads, their last digits tell how many there were.

    A result has to have the same bytes on a machine with more cores. Libraries that are loaded later are not limited,
    so SciPy's BLAS is loaded here.
    """
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    limited: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limited


def kept_call(workspace: Workspace, verb: str) -> dict[str, str]:
    """The file of a run of `verb` that says how it was asked for; none where it was no computation that was asked for.

    What else it takes to make it again, the data and the seed, the result itself names; the configuration is kept under
    its hash, which the ledger has.
    """
    if workspace.call is None or workspace.call["verb"] != verb:
        return {}
    told = {
        **workspace.call,
        "code": {"peelian": __version__, "sha256": code_digest()},
        "files": settings_files(workspace.folder, workspace.config),
        "platform": platform_now(),
    }
    configured = (workspace.folder / FILE).read_bytes()
    kept = workspace.folder / KEPT / f"{sha256_of(configured)}.toml"
    if not kept.is_file():
        replace_file(kept, configured)
    return {CALL: result_json(told)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return value.name  # what is in it is told by its hash; where it lay is nobody's business
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)


@functools.cache
def code_digest() -> str:
    """SHA-256 over every source file of this package, so that two versions of one number can be told apart."""
    root = Path(peelian.__file__).parent
    whole = sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".cedar", ".cedarschema", ".css", ".js", ".html"}:
            whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


@functools.cache
def platform_now() -> dict[str, str]:
    """What a computation runs on, as far as it can change its last bits."""
    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    for name in _EXTRAS:
        with suppress(metadata.PackageNotFoundError):
            libraries[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        **libraries,
    }


def settings_files(folder: Path, config: Config) -> dict[str, str]:
    """SHA-256 of each file that the configuration names: areas, places to be near to, tables of categories."""
    named = [config.place.areas, *config.place.features.values(), *config.records.categories.values()]
    paths = {name: folder / name for name in named if name is not None}
    return {name: sha256_of_file(path) for name, path in sorted(paths.items()) if path.is_file()}
