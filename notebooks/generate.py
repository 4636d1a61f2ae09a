# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Synthetic palms of one individual, and a dataset of many
#
# Draws with the weights that come with palmforge, or with those that `train.ipynb` left on your Drive.
# Runs on Google Colab (a CPU is enough) and anywhere else.
#
# This notebook is made from `notebooks/generate.py` by `make notebooks`; change that file.

# %% tags=["parameters"]
REPOSITORY = ""  # where to clone palmforge from on Colab; empty: it lies beside this notebook
WORK = "/content/drive/MyDrive/palmforge"  # what is drawn goes here
ENGINE = "diffusion"  # diffusion, renderer; or wgan-gp, ddpm-tps with a checkpoint of theirs
CHECKPOINT = "shipped"  # or the folder that train.ipynb printed
COUNT = 40  # captures of the individual
IDENTITY = ""  # "" is somebody new; SEED/NUMBER or the path of an identity.json is somebody again
CONTROLS = [
    "identity.skin_tone=35",
    "capture.ring=true",
]  # any trait or circumstance; [] leaves all to chance
DATASET = ["dataset.identities=24", "dataset.captures=8"]
WORKERS = 0  # processes; 0 is one a core

# %% [markdown]
# ## Set up

# %%
import os
import subprocess
import sys
from pathlib import Path

if not Path("flows").is_dir():  # on Colab, or opened in notebooks/
    if "google.colab" in sys.modules and not Path("palmforge").exists():
        assert REPOSITORY, "say above where palmforge's repository is"
        subprocess.run(["git", "clone", "--depth", "1", REPOSITORY, "palmforge"], check=True)
    os.chdir("palmforge" if Path("palmforge").exists() else "..")
sys.path.insert(0, str(Path.cwd()))
from notebooks.set_up import set_up

set_up(WORK)

# %%
from flows.cli.main import QUIET

os.environ.update(QUIET)
from manifests.recipe import parse

common = [f"engine.name={ENGINE}", f"train.checkpoint={CHECKPOINT}", f"engine.workers={WORKERS}", *CONTROLS]

# %% [markdown]
# ## One individual
# Named pictures, a manifest with every parameter, and the identity itself in `identity.json`.

# %%
import shutil

from tasks.draw.individual import draw_one, individual

one = individual(parse({"name": "one"}, [*common, "dataset.identities=1"]), IDENTITY)
folder = Path(WORK) / "one"
shutil.rmtree(folder, ignore_errors=True)
pictures = draw_one(one, COUNT, folder, gif=True)
print(f"{len(pictures)} pictures of identity {one.name} in {folder}")

# %%
from IPython.display import Image, display

display(Image(filename=str(folder / "contact_sheet.png")))
display(Image(filename=str(folder / "variations.gif"), format="gif"))

# %% [markdown]
# ## A dataset
# Many individuals, with splits, labels, a manifest and a report; the same call resumes what was cut off.

# %%
from flows.build_dataset import build_dataset

settings = [*common, *DATASET]
recipe = parse({"name": "notebook", "work": f"{WORK}/work", "out": f"{WORK}/out"}, settings)
path = Path(WORK) / "dataset.toml"
path.write_text(recipe.to_toml())
version = Path(build_dataset(str(path)))
display(Image(filename=str(version / "contact_sheet.png")))

# %%
import pandas as pd

rows = pd.read_parquet(version / "manifest.parquet")
print(rows.groupby("split")["identity_id"].nunique())
rows.iloc[0]
