"""What ``test_ray`` has workers do; apart, because they import it and lack what tests import."""

from __future__ import annotations

import os
import signal

from models_gpu.errors import ModelError

__all__ = ["work"]


def work(shared: object, task: str) -> str:
    """Says what it got, fails, or kills the process that it is in."""
    if task == "broken":
        raise ModelError("model 'second': there is no such model")
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{shared} {task} {os.environ['OMP_NUM_THREADS']}"
