"""Parts of the work on a Ray cluster: the only module that knows Ray.

Tasks and the object store are all that is used of it: what is to be done is a function and its parts, a lost worker's
parts are done again by others, and results come back in order, so they are those of one process.
"""

from __future__ import annotations

import os
import platform
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from kindred.domain.errors import KindredError, StoreError, install_hint
from kindred.domain.parts import Part, PartMap, Result, Shared

LOCAL = "ray:local"
_REACH_SECONDS = 5.0
_PARTS_A_PROCESSOR = 2  # in flight: one that runs, one that waits
_RETRIES = 8  # of a part whose worker was lost


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
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
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
