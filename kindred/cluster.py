"""Parts of the work on a Ray cluster: the only module that knows Ray.

For parts, tasks and the object store are all that is used of it: what is to be done is a function and its parts, a lost
worker's parts are done again by others, and results come back in order, so they are those of one process. What several
processes train together is Ray Train's matter: it starts them as one process group, and anew where one was lost.
"""

from __future__ import annotations

import os
import platform
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from kindred.domain.errors import KindredError, StoreError, install_hint
from kindred.domain.parts import Part, PartMap, Result, Shared, Together

LOCAL = "ray:local"
_REACH_SECONDS = 5.0
_PARTS_A_PROCESSOR = 2  # in flight: one that runs, one that waits
_RETRIES = 8  # of a part whose worker was lost
_BEGUN_AGAIN = 20  # at most, what processes do together, where one was lost
_FEWEST_TOGETHER = 2
_LOOK_SECONDS = 1.0


@contextmanager
def ray_parts(url: str) -> Iterator[PartMap]:
    """The `PartMap` of a Ray cluster, left at the end.

    Args:
        url: `ray:local`, a cluster on this machine that lives as long as the `with`, or `ray://HOST:PORT`.

    Raises:
        StoreError: Ray is not installed, the cluster can't be reached, or it runs other versions.
    """
    ray = _import_ray()
    _connect(ray, url)
    try:
        most = _PARTS_A_PROCESSOR * max(1, int(ray.cluster_resources().get("CPU", 1)))

        def parts(work: Callable[[Shared, Part], Result], shared: Shared, parts: Iterable[Part]) -> Iterator[Result]:
            return _map(ray, most, (work, shared), parts)

        yield parts
    finally:
        ray.shutdown()


def ray_together(url: str) -> Together:
    """The `Together` of a Ray cluster: two processes, or one a machine where there are more machines.

    Each call connects to the cluster and leaves it, with the errors of `ray_parts`.
    """

    def together(work: Callable[[Shared], None], shared: Shared, waiting: Callable[[], None]) -> None:
        ray = _import_ray()
        _connect(ray, url)
        try:
            machines = sum(node["Alive"] for node in ray.nodes())
            # as a task of the cluster: from outside of it, Ray Train can't be driven
            task = ray.remote(num_cpus=0, max_retries=_RETRIES)(_drive)
            asked = task.remote(ray.put((work, shared)), max(_FEWEST_TOGETHER, machines))
            while not ray.wait([asked], timeout=_LOOK_SECONDS)[0]:
                waiting()
            refused = _result(ray, asked)
        finally:
            ray.shutdown()
        if refused is not None:
            raise refused

    return together


def _drive(job: tuple[Callable[[Any], None], object], workers: int) -> KindredError | None:
    """Has workers do the job as one process group, begun again where one was lost; what they refused, if they did."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    ray = _import_ray()
    refusal = ray.remote(num_cpus=0)(_Refusal).remote()
    with TemporaryDirectory(prefix="kindred-") as notes:  # Ray's own; checkpoints are the job's matter
        TorchTrainer(
            _do_job,
            train_loop_config={"job": job, "refusal": refusal},
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(num_workers=workers),
            run_config=RunConfig(storage_path=notes, failure_config=FailureConfig(max_failures=_BEGUN_AGAIN)),
        ).fit()
    refused: KindredError | None = ray.get(refusal.told.remote())
    return refused


class _Refusal:
    """An actor that is told why the workers should not begin again."""

    def __init__(self) -> None:
        self.error: KindredError | None = None

    def tell(self, error: KindredError) -> None:
        self.error = error

    def told(self) -> KindredError | None:
        return self.error


def _do_job(config: Mapping[str, Any]) -> None:
    """What each worker does: nothing, where one refused the job before."""
    ray = _import_ray()
    work, shared = config["job"]
    refusal = config["refusal"]
    if ray.get(refusal.told.remote()) is None:
        try:
            work(shared)
        except KindredError as error:
            ray.get(refusal.tell.remote(error))
            raise


def _import_ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise StoreError("KINDRED_ENGINE names Ray, which is not installed", install_hint("ray")) from error
    module: ModuleType = ray
    return module


def _connect(ray: ModuleType, url: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if url == LOCAL:
            ray.init(
                num_cpus=max(2, os.cpu_count() or 2), include_dashboard=False, _node_ip_address="127.0.0.1", **quiet
            )
            return
        address = urlsplit(url)
        socket.create_connection((address.hostname or "", address.port or 10001), _REACH_SECONDS).close()
        ray.init(url, **quiet)
        there = ray.get(ray.remote(_versions).remote())
    except Exception as error:  # Ray raises `Exception` itself, e.g. where a node takes too long to start
        raise StoreError(
            f"the Ray cluster at {url} can't be used: {str(error).strip().splitlines()[0]}",
            "start it, give its RAY_AUTH_TOKEN if it asks for one, or set KINDRED_ENGINE= to work in this process",
        ) from error
    _check_versions(url, there)


def _check_versions(url: str, there: Mapping[str, str]) -> None:
    """Raises StoreError where the cluster runs other versions than this process."""
    if there != (here := _versions()):
        differing = ", ".join(f"{name} {there.get(name)} there, {here[name]} here" for name in here)
        raise StoreError(f"the Ray cluster at {url} runs other versions: {differing}", "install the same on both")


def _versions() -> dict[str, str]:
    """What a driver and its workers must agree on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, "ray": metadata.version("ray"), "kindred": metadata.version("kindred")}


def _map(ray: ModuleType, most: int, job: tuple[Callable[..., Any], object], parts: Iterable[Any]) -> Iterator[Any]:
    """Results in the order of the parts, so many of them in flight."""
    work, shared = job
    task = ray.remote(max_retries=_RETRIES)(work)
    there = ray.put(shared)
    pending: deque[Any] = deque()
    for part in parts:
        pending.append(task.remote(there, part))
        if len(pending) >= most:
            yield _result(ray, pending.popleft())
    while pending:
        yield _result(ray, pending.popleft())


def _result(ray: ModuleType, reference: object) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, KindredError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise StoreError(
            f"the Ray cluster failed: {str(error).strip().splitlines()[0]}", "run the same command again"
        ) from error
