# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train a generator of synthetic palms
#
# From photographs of palms to a checkpoint that draws palms of nobody. Runs on Google Colab and elsewhere.
# On Colab choose a GPU first: *Runtime → Change runtime type*. Every cell resumes what an earlier run left.
#
# This notebook is made from `notebooks/train.py` by `make notebooks`; change that file.

# %% tags=["parameters"]
REPOSITORY = ""  # where to clone palmforge from on Colab; empty: it lies beside this notebook
WORK = "/content/drive/MyDrive/palmforge"  # photographs and checkpoints; survives the end of a session
SOURCE = ["source.kind=kaggle", "source.dataset=feyiamujo/human-palm-images/versions/1"]
ENGINE = "diffusion"  # or the baselines wgan-gp and ddpm-tps with their published settings
SETTINGS = ["train.steps=20000"]  # any field of a recipe: palmforge build --help lists them

# %% [markdown]
# ## Set up
# On Colab: the code, its dependencies and your Google Drive. Elsewhere: nothing, when `make setup` was run.

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

# %% [markdown]
# ## The recipe
# Everything that determines the training, in one file. For photographs of your own:
# `SOURCE = ["source.kind=folder", "source.path=/content/drive/MyDrive/photographs"]`.

# %%
from flows.cli.main import QUIET

os.environ.update(QUIET)
from manifests.recipe import parse

settings = [f"engine.name={ENGINE}", "train.checkpoint=train", *SOURCE, *SETTINGS]
recipe = parse({"name": "notebook", "work": f"{WORK}/work", "out": f"{WORK}/out"}, settings)
path = Path(WORK) / "recipe.toml"
path.write_text(recipe.to_toml())
print(path.read_text())

# %% [markdown]
# ## Train
# Photographs → aligned palms → checkpoint. Interrupted, it goes on at the last saved step.

# %%
from flows.train_generator import train_generator

checkpoint = Path(train_generator(str(path)))
print(checkpoint)

# %% [markdown]
# ## Look
# The last sample sheet, and the losses.

# %%
from IPython.display import Image, display

sheets = sorted(checkpoint.glob("sample-*.png"))
if sheets:
    display(Image(filename=str(sheets[-1])))
log = (checkpoint / "log.jsonl").read_text().splitlines()
print("\n".join(log[:: max(1, len(log) // 10)]))
assert (checkpoint / "model.safetensors").is_file()
