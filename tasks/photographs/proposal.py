"""Proposes a recipe for a folder of photographs: a file to look at, which nothing overwrites."""

import re
from pathlib import Path

import tomli_w

from manifests.files.layout import atomic_write, explain_write_errors
from manifests.recipe.errors import RecipeError
from tasks.photographs.sources.folder import walk

TEXT = """\
# Proposed for the {count} files in {folder}: look it over, then `palmforge plan {file}` tells what it costs.
{name}
seed = 0

[source]
kind = "folder"
{path}
licence = ""  # under which you may use them; the dataset's card says so, or "not stated"
credit = ""  # whose they are

[engine]
name = "diffusion"  # real skin, learned from your photographs; "atlas" draws without them

[train]
checkpoint = "train"  # "shipped": the weights that come with palmforge, and yours only guard against leakage
steps = 20000  # for a GPU; 150 show within minutes of a CPU that the chain works, and no more

[dataset]
identities = 100
captures = 8
size = 128
"""


def propose(folder: Path, into: Path) -> Path:
    """The file NAME.toml in the folder `into`, written for the photographs below `folder` unless it is there.

    Which files are photographs is told when they are read. Raises RecipeError when there is none at all,
    PublishError when the recipe cannot be written.
    """
    count = sum(not found.reason for found in walk(folder).files)
    if not count:
        raise RecipeError(f"{folder}: no file is in it: name a folder of photographs, or a recipe")
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip("-._") or "palms"
    file = into / f"{name}.toml"
    if not file.exists():
        toml = {"name": tomli_w.dumps({"name": name}), "path": tomli_w.dumps({"path": str(folder.resolve())})}
        lines = {key: value.strip() for key, value in toml.items()}
        text = TEXT.format(count=count, folder=folder, file=file.name, **lines)
        with explain_write_errors(file):
            atomic_write(file, text.encode())
    return file
