"""A Ray cluster as workers and as Dagster's resource (dagster-ray).

Import it only where a cluster is wanted: Ray is an extra. Ray itself queues the tasks, places them
where a GPU or a core is free, and repeats those whose process or machine died.
"""

import contextlib
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from dagster_ray import RayResource
from pydantic import PrivateAttr

from dagster_project.runtime.workers import LostWorkerError, WorkersError, code_fingerprint
from ingestion.errors import first_line

__all__ = ["RayCluster"]

LOG = logging.getLogger("factroots")
Task = TypeVar("Task")
Result = TypeVar("Result")

_RETRIES = 3
"""How often Ray repeats a task whose process died."""
_QUEUED_PER_WORKER = 2
"""Tasks given to Ray at once, so that their results do not pile up."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1")
"""Each worker has one core, so threads within a worker would only compete."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_COLOR_PREFIX": "0"}
"""Disables usage statistics and log de-duplication."""
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""Local clusters bind to loopback (Ray's default only outside Linux) and require a token."""
_LOCAL = re.compile(r"local(?::([1-9]\d*))?")
_ADDRESS = re.compile(r"auto|(ray://)?[\w.-]+:\d+")


class RayCluster(RayResource):
    """A running cluster, or one started on this machine for as long as it is needed."""

    address: str
    """Address, as for ``dagster_project.runtime.connect.workers_at``."""
    _folder: str | None = PrivateAttr(default=None)

    @classmethod
    def at(cls, address: str) -> "RayCluster":
        """The cluster at an address.

        Raises:
            WorkersError: the address is malformed.
        """
        if not (_LOCAL.fullmatch(address) or _ADDRESS.fullmatch(address)):
            raise WorkersError(
                f"--ray {address!r} is no address of a cluster: write local, local:2 (two workers "
                "on this machine), auto, HOST:PORT or ray://HOST:PORT"
            )
        return cls(address=address)

    @property
    def host(self) -> str:
        """Address for dagster-ray's messages."""
        return self.address

    @property
    def name(self) -> str:
        """Name for people."""
        return f"Ray ({self.address})"

    @property
    def ray_address(self) -> str | None:
        """Address for Ray; None starts a cluster here."""
        return None if _LOCAL.fullmatch(self.address) else self.address

    @property
    def created(self) -> bool:
        """Always True: a cluster exists, or is started by connecting."""
        return True

    @property
    def ready(self) -> bool:
        """As ``created``."""
        return True

    def connect(self, context: Any) -> Any:  # noqa: ARG002
        """Connects; does nothing in a process that is connected already.

        Raises:
            WorkersError: the cluster cannot be reached.
        """
        # Read when Ray is imported.
        os.environ |= _QUIET if self.ray_address else _QUIET | _ALONE
        if self.address.startswith("ray://") and _has_token():
            # Ray itself does this for other addresses.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        import ray

        if ray.is_initialized():
            return None
        with _own_signals():
            try:
                self._context = self._started() if self.ray_address is None else self._joined()
            except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
                self._shut_down()
                first = first_line(error).rstrip(".:")
                raise WorkersError(
                    f"the Ray cluster {self.address} cannot be used: {first}. Start one (`ray "
                    "start --head`), correct --ray, or put its token into the environment "
                    "(RAY_AUTH_TOKEN); without --ray this process computes."
                ) from error
        return self._context

    def on_connect(self, context: Any) -> None:  # noqa: ARG002
        """Logs the number of workers."""
        if self.connected:
            count = self.count(is_of_model=True)
            LOG.info("ray: %d workers for models at %s", count, self.address)

    def on_cleanup(self, context: Any, *, deleted: bool) -> None:  # noqa: ARG002
        """Disconnects if this object connected."""
        if self.connected:
            self._shut_down()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """As ``Workers.held``."""
        self.connect(None)
        self.on_connect(None)
        try:
            yield
        finally:
            self.on_cleanup(None, deleted=False)

    def count(self, *, is_of_model: bool) -> int:
        """As ``Workers.count``."""
        import ray

        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if is_of_model else 0
        return gpus or max(1, int(resources.get("CPU", 1)))

    def put(self, value: Any) -> Any:
        """As ``Workers.put``."""
        import ray

        return ray.put(value)

    def each(
        self,
        function: Callable[[Any, Task], Result],
        tasks: Iterable[tuple[Any, Task]],
        *,
        is_of_model: bool,
    ) -> Iterator[tuple[Task, Result]]:
        """As ``Workers.each``; each task has a GPU of its own where there are any, else a core."""
        import ray

        has_gpu = is_of_model and "GPU" in ray.cluster_resources()
        remote = ray.remote(_work).options(
            name="worker",
            num_cpus=1,
            num_gpus=1 if has_gpu else 0,
            max_retries=_RETRIES,
            runtime_env={} if has_gpu else {"env_vars": _ONE_THREAD},
        )
        queued: dict[Any, Task] = {}
        coming = iter(tasks)
        most = _QUEUED_PER_WORKER * self.count(is_of_model=is_of_model)
        failure: Exception | None = None
        while True:
            for shared, task in islice(coming, 0 if failure else most - len(queued)):
                reference = remote.remote(
                    function, shared, task, code_fingerprint(), LOG.getEffectiveLevel()
                )
                queued[reference] = task
            if not queued:
                break
            try:
                done, _ = ray.wait(list(queued))
            except SystemError as error:
                # Ray wraps what a signal raised while it waited.
                raise error.__cause__ or KeyboardInterrupt from None
            for reference in done:
                task = queued.pop(reference)
                try:
                    result = _result(reference)
                except Exception as error:
                    # The others are waited for, not cancelled: cancelling a task that has just
                    # finished ends this process (Ray 2.60), and what they finish is kept.
                    failure = failure or error
                else:
                    yield task, result
        if failure is not None:
            raise failure

    def _started(self) -> Any:
        """Starts a cluster on this machine that nobody else can reach, without a dashboard."""
        import ray

        found = _LOCAL.fullmatch(self.address)
        assert found is not None, "ray_address is None"
        # Not in the home: the path of a socket has at most 107 characters.
        self._folder = tempfile.mkdtemp(prefix="factroots-ray-")
        # Other users of this machine can reach its ports.
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        return ray.init(
            num_cpus=int(found[1]) if found[1] else None,
            include_dashboard=False,
            log_to_driver=LOG.isEnabledFor(logging.INFO),
            logging_level=logging.WARNING,
            # Ray makes its default folder readable by everyone.
            _temp_dir=f"{self._folder}/ray",
        )

    def _shut_down(self) -> None:
        """Disconnects; stops a cluster that was started here and deletes its files."""
        import ray

        ray.shutdown()
        self._context = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.environ.pop("RAY_AUTH_TOKEN", None)
            self._folder = None

    def _joined(self) -> Any:
        import ray

        return ray.init(
            address=self.ray_address,
            log_to_driver=LOG.isEnabledFor(logging.INFO),
            logging_level=logging.WARNING,
        )


def _work(
    function: Callable[[Any, Task], Result], shared: Any, task: Task, code: str, level: int
) -> Result:
    """Runs a task on a worker; its log lines reach the terminal of the caller.

    Raises:
        WorkersError: the worker has another version of this project.
    """
    if code != code_fingerprint():
        raise WorkersError(
            f"{socket.gethostname()} has another version of factroots ({Path(__file__).parent}): "
            "install the same one on every machine of the cluster"
        )
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    LOG.handlers, LOG.propagate = [handler], False
    LOG.setLevel(level)
    return function(shared, task)


def _has_token() -> bool:
    """Whether Ray finds a token for a cluster."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or (Path.home() / ".ray" / "auth_token").is_file()


def _result(reference: Any) -> Any:
    """Returns a task's result, or raises what it raised."""
    import ray.exceptions

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ray.exceptions.RaySystemError):
            first = first_line(error.cause)
            raise WorkersError(
                "a machine of the cluster cannot run factroots: install the same version of it on "
                f"every one. Ray says: {first}"
            ) from error
        if isinstance(error.cause, Exception):
            raise error.cause from error
        raise
    except (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.OutOfMemoryError,
        ray.exceptions.NodeDiedError,
    ) as error:
        raise LostWorkerError(
            f"{_RETRIES + 1} workers died of the same task, most likely because memory ran "
            "out: give the cluster fewer workers on the same machines (--ray local:1, or `ray "
            f"start --num-cpus`). Ray says: {first_line(error)}"
        ) from error


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Restores this process's signal handlers after Ray replaced them.

    Ray ends the process at SIGTERM; a stopped run prints a message first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
