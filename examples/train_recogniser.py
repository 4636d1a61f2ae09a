"""Trains a palm recogniser on a published dataset and tells how well it knows hands it never saw.

    python examples/train_recogniser.py out/quickstart            # minutes on two CPU cores
    accelerate launch examples/train_recogniser.py out/large      # all GPUs of a machine

ArcFace (Deng et al. 2019) on identity-balanced batches; error rates on the dataset's own verification pairs.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from pytorch_metric_learning.losses import ArcFaceLoss
from safetensors.torch import save_file
from sklearn.metrics import roc_curve
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize
from torch.utils.tensorboard import SummaryWriter
from torchvision.transforms import v2

from manifests.read import PalmDataset, open_dataset

DIM, SIDE = 128, 64  # length of an embedding; px, the picture as the network sees it
AUGMENT = v2.Compose([
    v2.RandomAffine(degrees=12, translate=(0.08, 0.08), scale=(0.88, 1.14), shear=4),
    v2.ColorJitter(brightness=0.4, contrast=0.4), v2.RandomErasing(0.3, scale=(0.02, 0.15)),
])  # fmt: skip  # no mirroring: a mirrored left hand is nobody's right hand


class Recogniser(nn.Module):
    """(n, 3, h, w) uint8 -> (n, DIM), not normalised: four convolutions over grey, standardised pictures."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        channels, layers = [1, width, 2 * width, 4 * width, 4 * width], []
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * width * (SIDE // 16) ** 2, DIM)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm1d(DIM))

    def forward(self, images: Tensor) -> Tensor:
        """Where a crease lies says whose it is: the last grid is flattened, not pooled."""
        grey = adaptive_avg_pool2d(images.float().mean(1, keepdim=True), SIDE)
        mean, spread = grey.mean((2, 3), keepdim=True), grey.std((2, 3), keepdim=True)
        return torch.as_tensor(self.layers((grey - mean) / (spread + 1)))


@torch.inference_mode()
def verify(model: nn.Module, source: Path, view: str, split: str) -> dict[str, float]:
    """Equal error rate, and true accepts at 1 % false accepts, on the pairs of a split; {} without pairs."""
    chosen = [("split", "==", split), ("view", "==", view)]
    pairs = pd.read_parquet(open_dataset(source).path / "pairs.parquet", filters=chosen)
    if pairs["mated"].nunique() < 2:
        return {}
    data = PalmDataset(source, split=split, view=view, augmented=False, columns=["sample_id"])
    device, found = next(model.parameters()).device, dict[str, float]()
    model.eval()
    for batch in data.loader(64, shuffle=False):
        vectors = normalize(model(batch["image"].to(device))).cpu().numpy()
        found.update(zip(batch["sample_id"], vectors, strict=True))
    model.train()
    left, right = (np.stack([found[name] for name in pairs[f"sample_id_{i}"]]) for i in (1, 2))
    false, true, _ = roc_curve(pairs["mated"], (left * right).sum(1))
    at = np.argmin(np.abs(false - (1 - true)))
    return {"eer": float(false[at] + 1 - true[at]) / 2, "tar@1e-2": float(true[false <= 1e-2].max())}


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a version, or a folder with LATEST")
    parser.add_argument("--out", type=Path, default=Path("recogniser"), help="weights, rates and log")
    parser.add_argument("--view", default="palm", help="palm or hand")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--identities", type=int, default=16, help="P: identities of a batch, at most")
    parser.add_argument("--captures", type=int, default=4, help="K: images of each")
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Train, verify every 100 steps and at the end, save."""
    o, accelerator = options(), Accelerator()
    torch.manual_seed(0)
    train = PalmDataset(o.dataset, split="train", view=o.view, relabel=True, transform=AUGMENT)
    rank, ranks = accelerator.process_index, accelerator.num_processes
    batches = train.loader(
        min(o.identities, len(train.identities) // ranks) * o.captures,
        per_identity=o.captures, batches=o.steps, workers=o.workers, rank=rank, ranks=ranks,
    )  # fmt: skip
    model, loss = Recogniser(), ArcFaceLoss(len(train.identities), DIM, margin=17, scale=24)
    optimiser = torch.optim.AdamW([*model.parameters(), *loss.parameters()], weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, o.steps)
    plain, log = model, SummaryWriter(str(o.out / "log"))
    model, loss, optimiser = accelerator.prepare(model, loss, optimiser)
    for step, (images, labels) in enumerate(batches, 1):
        error = loss(model(images.to(accelerator.device)), labels.to(accelerator.device))
        optimiser.zero_grad()
        accelerator.backward(error)
        optimiser.step()
        schedule.step()
        log.add_scalar("loss", error.item(), step)
        if accelerator.is_main_process and (step % 100 == 0 or step == o.steps):
            splits = ("validation", "test")[: 1 + (step == o.steps)]
            rates = {split: verify(plain, o.dataset, o.view, split) for split in splits}
            for name, value in ((f"{s}/{n}", v) for s, found in rates.items() for n, v in found.items()):
                log.add_scalar(name, value, step)
            print(f"step {step} loss {error.item():.2f} {json.dumps(rates)}", flush=True)
            save_file(plain.state_dict(), o.out / "recogniser.safetensors")
            (o.out / "rates.json").write_text(json.dumps(rates))
    log.close()


if __name__ == "__main__":
    main()
