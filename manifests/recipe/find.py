"""Finds the file of a recipe: a path, or the bare name of one that ships, from whatever folder."""

from pathlib import Path

from manifests.recipe.errors import RecipeError

IN_WHEEL = Path(__file__).resolve().with_name("shipped")  # pyproject.toml puts datasets/ there
SHIPPED = IN_WHEEL if IN_WHEEL.is_dir() else Path(__file__).resolve().parents[2] / "datasets"


def recipe_file(given: Path | str) -> Path:
    """The file that `given` means: "quickstart" and "datasets/quickstart.toml" are the same anywhere.

    Raises RecipeError that names the recipes there are, or what to do with a folder of photographs.
    """
    path = Path(given).expanduser()
    if path.is_dir():
        raise RecipeError(
            f"{path} is a folder, not a recipe. To build from the photographs in it: "
            f"palmforge build datasets/human_palms.toml --source.kind folder --source.path {path}"
        )
    if path.exists():
        return path
    shipped = {file.stem: file for file in sorted(SHIPPED.glob("*.toml"))}
    is_shipped = path.parent.name in ("", "datasets") and path.suffix in ("", ".toml")
    if is_shipped and path.stem in shipped and not path.is_absolute():
        return shipped[path.stem]
    here = sorted(str(p) for p in Path("datasets").glob("*.toml"))
    names = ", ".join(here or map(str, shipped.values())) or "none here"
    raise RecipeError(f"{path}: no such recipe; recipes in datasets/: {names}")
