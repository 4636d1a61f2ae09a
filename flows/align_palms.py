"""The story `align-palms`: the palms of a folder, an archive or a Kaggle dataset, aligned into a folder."""

from pathlib import Path

from flows.steps import align, ingest
from manifests.files.layout import CONTACT_SHEET, atomic_copy, atomic_write
from manifests.files.remote import is_remote
from manifests.recipe import Recipe, parse
from tasks.photographs.pictures import write_pictures, write_regions
from tasks.photographs.sources.found import SourceError
from tasks.report.aligned import contact_sheet
from tasks.versions.ready import possible, writable


def align_palms(
    source: str, out: Path, size: int = 256, workers: int = 0, roi: str = "", pictures: bool = False
) -> str:
    """Align the palms of `source` at `size` pixels into `out`/aligned.parquet and return the accounting.

    `out`/contact_sheet.png shows them. pictures: also each as a PNG file in `out`/pictures; roi: a folder
    that takes the regions of interest as PNG files, too; "" = none.
    Raises RecipeError or SourceError when the source cannot be read.
    """
    plan = possible(recipe_of(source, out, size, workers))
    writable("out", out)
    photos = ingest(plan)
    palms = align(plan, photos)
    assert photos is not None and palms is not None  # this recipe always has a source
    for name in ("aligned.parquet", "align_rejects.parquet"):
        atomic_copy(palms.path / name, out / name)
    table, rejects = out / "aligned.parquet", out / "align_rejects.parquet"
    atomic_write(out / CONTACT_SHEET, contact_sheet(table, rejects, photos.path / "photos.parquet"))
    said = [palms.facts["accounting"], str(table), str(out / CONTACT_SHEET)]
    if pictures:
        said.append(f"{write_pictures(table, out / 'pictures')} pictures in {out / 'pictures'}")
    if roi:
        said.append(f"{write_regions(table, Path(roi))} regions of interest in {roi}")
    return "\n".join(said)


def recipe_of(source: str, out: Path, size: int, workers: int) -> Recipe:
    """A recipe with nothing but this source: the kind is told by what the name looks like."""
    if "/versions/" in source and not Path(source).exists():
        where = {"kind": "kaggle", "dataset": source}
    else:
        where = {"kind": "folder" if Path(source).expanduser().is_dir() else "archive", "path": source}
    path = Path(source).expanduser()
    if not (path.exists() or is_remote(source) or where["kind"] == "kaggle"):
        raise SourceError(
            "source_missing",
            f"{source}: no such folder or archive, and not a Kaggle dataset (owner/name/versions/N)",
        )
    work = str(out / ".palmforge")
    return parse(
        {"name": "align", "work": work, "source": where, "align": {"size": size, "workers": workers}},
        where=source,
    )
