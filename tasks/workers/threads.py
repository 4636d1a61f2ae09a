"""One thread a process: we work in several processes, whose threads would spin against each other."""

import os
import sys

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}  # read when the libraries are loaded


def one_thread_a_process() -> None:
    """For the start of a worker: torch and OpenCV compute on one thread, loaded already or not."""
    os.environ.update(ONE_THREAD)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
