"""What both notebooks need once the code is there: on Colab the dependencies and the drive; a folder."""

import subprocess
import sys
from pathlib import Path


def set_up(work: str) -> None:
    """Make ready to import palmforge and to write into `work`."""
    if "google.colab" in sys.modules:
        from google.colab import drive

        drive.mount("/content/drive")
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-e", "."], check=True)
    Path(work).mkdir(parents=True, exist_ok=True)
