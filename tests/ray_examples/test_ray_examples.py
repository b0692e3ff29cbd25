"""The examples of clusters fit the schemas of what reads them: KubeRay's, as far as they use it, and Ray's own.

`ray_cluster.json` is the part that the example can be wrong in of KubeRay's RayCluster v1 (helm-chart/kuberay-operator/
crds/ray.io_rayclusters.yaml, Apache-2.0); the whole of it was checked by hand.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SCHEMA = json.loads((Path(__file__).parent / "ray_cluster.json").read_text("utf-8"))


def example(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


def test_the_kuberay_manifest_is_a_ray_cluster() -> None:
    manifest = example("kuberay.yaml")
    jsonschema.validate(manifest, SCHEMA)
    assert f"ray=={manifest['spec']['rayVersion']}" in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    manifest["spec"]["workerGroupSpecs"][0]["minReplica"] = 1
    with pytest.raises(jsonschema.ValidationError, match="minReplica"):
        jsonschema.validate(manifest, SCHEMA)


def test_the_example_of_ray_up_is_a_cluster_of_ray() -> None:
    spec = find_spec("ray")
    if spec is None or spec.origin is None:
        pytest.skip("ray is not installed")
    schema = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text("utf-8"))
    assert not [*jsonschema.Draft7Validator(schema).iter_errors(example("ray-up.yaml"))]


def test_the_probes_of_kuberay_need_nothing_that_the_image_lacks() -> None:
    spec = example("kuberay.yaml")["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    for group, port in zip(groups, [6379, int(groups[1]["rayStartParams"]["node-manager-port"])], strict=True):
        for container in group["template"]["spec"]["containers"]:
            for probe in ("readinessProbe", "livenessProbe"):
                assert container[probe]["tcpSocket"] == {"port": port}, (
                    "without one KubeRay asks by wget, of a dashboard"
                )


def test_the_head_of_ray_up_starts_the_workers_and_gets_the_clone_alone() -> None:
    config = example("ray-up.yaml")
    (start,) = [command for command in config["head_start_ray_commands"] if "ray start" in command]
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in start.split(), "without it no worker is ever started"
    assert config["auth"]["ssh_private_key"], "by it the head reaches the workers"
    assert ".gitignore" in config["rsync_filter"], "else data and environments are copied to every machine"
