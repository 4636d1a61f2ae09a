"""The import closure of a module: all code that can have had a part in a result, by content; none is run."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("flows", "tasks", "palm_models", "manifests")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """One Python file: the sha256 of its bytes, and the imports it states: (module, names taken from it)."""

    sha256: str
    imports: tuple[tuple[str, tuple[str, ...]], ...]  # relative ones keep their leading dots


@dataclass(frozen=True)
class Tree:
    """The sources below `root`, and of other packages where a closure begins in one (an engine's plug-in)."""

    root: Path = ROOT
    found: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False, repr=False)

    def digest(self, *modules: str) -> str:
        """Names the code that `modules` ("tasks.draw.samples") reach. Raises ModuleNotFoundError."""
        if modules not in self.found:
            text = "".join(
                f"{name} {source.sha256}\n" for name, source in sorted(self.closure(*modules).items())
            )
            self.found[modules] = hashlib.sha256(text.encode()).hexdigest()
        return self.found[modules]

    def closure(self, *modules: str) -> dict[str, Source]:
        """Every module that `modules` import, also inside functions, with the packages they lie in.

        Imports for the type checker alone, and those of packages that are neither ours nor of `modules`,
        are not followed; nor is a name that is only a text (a registry's). Raises ModuleNotFoundError.
        """
        own = {*PACKAGES, *(name.partition(".")[0] for name in modules)}
        reached: dict[str, Source] = {}
        waiting = [name for module in modules for name in _with_parents(module)]
        for module in modules:
            self.source(module)
        while waiting:
            name = waiting.pop()
            file = None if name in reached else self.file(name)
            if file is not None:
                reached[name] = _source(file)
                waiting += self._imported(name, file, reached[name], own)
        return reached

    def source(self, module: str) -> Source:
        """A module by itself. Raises ModuleNotFoundError."""
        if (file := self.file(module)) is None:
            raise ModuleNotFoundError(f"no module {module} below {self.root}", name=module)
        return _source(file)

    def file(self, module: str) -> Path | None:
        """The file of a module of ours or of another installed package; None when there is none."""
        return _file(self.root, module)

    def content(self, name: str) -> str:
        """The sha256 of a file below `root`. Raises OSError."""
        return _source(self.root / name).sha256

    def _imported(self, name: str, file: Path, source: Source, own: set[str]) -> Iterator[str]:
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for stated, names in source.imports:
            module = _absolute(stated, package)
            if module.partition(".")[0] in own:
                yield from _with_parents(module)
                yield from (f"{module}.{taken}" for taken in names)  # a module, or else no file is found


HERE = Tree()


def content_digest(*packages: str, root: Path = ROOT) -> str:
    """Names every Python file of whole packages: quicker than a closure, and wider."""
    files = sorted(file for package in packages for file in (root / package).rglob("*.py"))
    text = "".join(f"{file.relative_to(root)} {_sha256(file.read_bytes())}\n" for file in files)
    return _sha256(text.encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _absolute(stated: str, package: str) -> str:
    """A module as its full name: "..frame" stated in the package a.b.c is a.b.frame."""
    name = stated.lstrip(".")
    dots = len(stated) - len(name)
    if not dots:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - dots + 1], *filter(None, [name])])


@lru_cache(maxsize=64)
def _places(top: str) -> tuple[Path, ...]:
    """Where an installed top-level package or module lies; looking does not import it."""
    spec = find_spec(top)
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(map(Path, spec.submodule_search_locations))
    return (Path(spec.origin).with_suffix(""),) if spec.origin else ()


@lru_cache(maxsize=16384)
def _file(root: Path, module: str) -> Path | None:
    top, *inner = module.split(".")
    for place in [root / top] if top in PACKAGES else _places(top):
        path = place.joinpath(*inner)
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file():
                return file
    return None


def _source(file: Path) -> Source:
    status = file.stat()
    return _parsed(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _parsed(file: Path, size: int, changed: int) -> Source:
    data = file.read_bytes()
    stated = _imports(ast.parse(data, str(file)).body) if file.suffix == ".py" else ()
    return Source(_sha256(data), tuple(stated))


def _imports(body: Iterable[ast.AST]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The imports stated in a run of statements and in all that stand below them; expressions hold none."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports(node.orelse)
        else:
            for part in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(node, part, ())
                yield from _imports(inner if isinstance(inner, list) else ())
