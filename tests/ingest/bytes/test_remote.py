"""Files at addresses: an S3 server and a web server of the tests' own, and what goes wrong on the way."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

import kindred
from kindred.cli.app import whole_tree
from kindred.domain.errors import KindredError, RecordError, SettingsError
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.ingest.bytes import remote
from kindred.ingest.bytes.opening import open_file
from kindred.ingest.bytes.paths import Paths, expand, one_file
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.interactions import interaction_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.music import tag_files, track_files
from kindred.ingest.products import product_files
from kindred.ingest.tables.mapping import TableMapping
from tests.ingest.web_server import ACCOUNT, Site

app = whole_tree()

KEYS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "s3cret-of-s3", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "kindred-test"


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A client of an S3 server with one empty bucket."""
    import boto3
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    made = boto3.resource("s3").create_bucket(Bucket=BUCKET)
    yield made
    made.objects.all().delete()
    made.delete()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.start()
    yield site
    site.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRY_SECONDS", (0.0, 0.0))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reviews in a file, the eighth of which is bad."""
    folder = tmp_path_factory.mktemp("sample")
    path = generate_products(ProductSample(users=40, products=30, reviews=400), folder).reviews
    lines = path.read_bytes().split(b"\n")
    lines[7] = lines[7].replace(b'"overall":', b'"overall": 9, "stars":')
    path.write_bytes(b"\n".join(lines))
    return path


def loaded(folder: Path, given: Paths) -> tuple[str, IngestSummary, str]:
    """Content hash, summary and quarantine of reviews that are loaded into a graph of their own."""
    store = open_graph(f"ladybug:{folder / 'graph'}")
    summary = ingest_files(store, product_files(given), None, IngestOptions(folder / "staging", folder / "quarantine"))
    content = graph_statistics(store, graph_schema()).content_hash
    store.close()
    (quarantine,) = (folder / "quarantine").glob("*.jsonl")
    return content, summary, quarantine.read_text()


def read(given: str) -> bytes:
    with open_file(one_file(given)) as file:
        return file.content.read()


def test_a_bucket_is_read_as_a_folder_is(bucket, reviews: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    lines = reviews.read_bytes().splitlines(keepends=True)
    bucket.put_object(Key="in/b/part.bin", Body=gzip.compress(b"".join(lines[200:])))
    bucket.put_object(Key="in/a.jsonl", Body=b"".join(lines[:200]))
    bucket.put_object(Key="in/_SUCCESS", Body=b"")
    bucket.put_object(Key="other.txt", Body=b"no review")
    here, quarantine = loaded(tmp_path / "here", reviews)[::2]
    for number, given in enumerate(
        (f"s3://{BUCKET}/in", [f"s3://{BUCKET}/in/a.*", f"s3://{BUCKET}/in/*/part.bin"], f"s3://{BUCKET}/in/")
    ):
        content, summary, kept = loaded(tmp_path / str(number), given)
        assert content == here
        assert [file.file for file in summary.files] == [f"s3://{BUCKET}/in/a.jsonl", f"s3://{BUCKET}/in/b/part.bin"]
        assert '"line":8,' in kept and kept.replace("a.jsonl", reviews.name) == quarantine


def test_a_table_of_columns_is_read_from_a_bucket_too(bucket, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    table = pyarrow.table({"user": [f"u{n % 7}" for n in range(70)], "item": [f"i{n % 9}" for n in range(70)]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=16)
    bucket.upload_file(str(tmp_path / "t.parquet"), "t")
    files = interaction_files(TableMapping(), f"s3://{BUCKET}/t").files
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    done = ingest_files(store, files, None, IngestOptions(tmp_path / "staging", tmp_path / "quarantine"))
    store.close()
    assert (done.files[0].lines, done.accepted) == (70, 63)
    assert len(kindred.read_interactions(f"s3://{BUCKET}/t").summary.files) == 1


def test_what_a_bucket_lacks_or_refuses_is_said_without_its_keys(  # type: ignore[no-untyped-def]
    bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    bucket.put_object(Key="there", Body=b"x")
    for url in (f"s3://{BUCKET}/none.csv", "s3://no-such-bucket/none.csv", f"s3://{BUCKET}/*.none"):
        with pytest.raises(RecordError, match=r"none") as raised:
            expand(url)
        assert url in str(raised.value) and "check the address" in raised.value.next_step
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(RecordError, match="credentials") as raised:
        expand(f"s3://{BUCKET}/there")
    assert "AWS_ACCESS_KEY_ID" in raised.value.next_step


def test_no_network_is_said_with_what_to_do(bucket, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    for url in (f"s3://{BUCKET}/x", "http://127.0.0.1:9/x"):
        with pytest.raises(RecordError, match=f"{url} can't be read") as raised:
            expand(url)
        assert "network" in raised.value.next_step and KEYS["AWS_SECRET_ACCESS_KEY"] not in str(raised.value)


def test_a_file_that_changes_before_it_was_read_whole_loads_nothing(bucket, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bucket.put_object(Key="big", Body=b"x" * 3_000_000)
    file = one_file(f"s3://{BUCKET}/big")
    with open_file(file) as opened:
        opened.content.read(10)
        bucket.put_object(Key="big", Body=b"y" * 3_000_000)
        with pytest.raises(RecordError, match="was changed while it was read"):
            opened.content.read()
    with pytest.raises(RecordError, match="was changed while it was read"), open_file(file):
        pass


def test_a_web_server_of_plain_files_will_do(site: Site, reviews: Path, tmp_path: Path) -> None:
    site.files["/r.jsonl.gz"] = gzip.compress(reviews.read_bytes())
    content, summary, kept = loaded(tmp_path / "web", f"{site.url}/r.jsonl.gz?token=s3cret")
    assert content == loaded(tmp_path / "here", reviews)[0]
    assert summary.files[0].file == f"{site.url}/r.jsonl.gz" and '"file":"r.jsonl.gz","line":8' in kept
    assert any("?token=s3cret" in asked for asked in site.asked)
    site.says_size = False
    assert read(f"{site.url}/r.jsonl.gz") == reviews.read_bytes()


def test_a_connection_that_breaks_off_is_taken_up_where_it_was(site: Site, reviews: Path) -> None:
    site.files["/r.jsonl"] = reviews.read_bytes()
    site.breaks = 2
    assert read(f"{site.url}/r.jsonl") == reviews.read_bytes() and site.breaks == 0


def test_one_that_always_breaks_off_is_said_with_how_far_it_came(site: Site, tmp_path: Path, reviews: Path) -> None:
    site.files["/r.jsonl"] = reviews.read_bytes()
    site.breaks = 1_000
    with pytest.raises(RecordError, match=r"r\.jsonl can't be read.* bytes") as raised:
        loaded(tmp_path, f"{site.url}/r.jsonl?key=s3cret")
    assert "run the same command again" in raised.value.next_step and "s3cret" not in str(raised.value)


def test_accounts_of_web_servers_are_used_and_never_said(site: Site) -> None:
    site.files["/x.csv"] = b"a,b\n"
    site.is_closed = True
    secret = ACCOUNT.split(":")[1]
    assert read(site.url.replace("://", f"://{ACCOUNT}@") + "/x.csv") == b"a,b\n"
    for user in ("", "reader:wrong-s3cret@"):
        with pytest.raises(RecordError, match="says 401") as raised:
            read(site.url.replace("://", f"://{user}") + f"/x.csv?key={secret}")
        assert secret not in str(raised.value)
    with pytest.raises(RecordError, match="exist"):
        read(site.url.replace("://", f"://{ACCOUNT}@") + "/none.csv")


def test_other_kinds_of_addresses(tmp_path: Path, reviews: Path) -> None:
    MemoryFileSystem.store.clear()
    MemoryFileSystem().pipe("/in/r.jsonl", reviews.read_bytes())
    assert read("memory://in/r.jsonl") == read(reviews.as_uri()) == reviews.read_bytes()
    assert [str(file) for file in expand("memory://in")] == ["memory:///in/r.jsonl"]
    with pytest.raises(SettingsError, match="no kind of address that is called nowhere://"):
        expand("nowhere://x/y")
    MemoryFileSystem().pipe("/in/s.jsonl", b"{}")
    with pytest.raises(RecordError, match="the first of 2"):
        one_file("memory://in")


def test_folders_of_a_data_set_and_archives_of_frames(tmp_path: Path) -> None:
    import io

    import numpy as np

    files = MemoryFileSystem()
    files.store.clear()
    files.pipe("/fm/user_artists.dat", b"userID\tartistID\tweight\n2\t51\t13883\n")
    assert [(str(f.path), f.source.wanted) for f in track_files("memory://fm")] == [
        ("memory:///fm/user_artists.dat", {})
    ]
    buffer = io.BytesIO()
    np.savez(buffer, X=np.ones((4, 3), np.float32), IDS=np.array(["a", "a", "b", "b"]))
    files.pipe("/frames.npz", buffer.getvalue())
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
    done = ingest_files(
        store, tag_files(None, ["memory://frames.npz"], lambda track, _: tmp_path / track), None, options
    )
    store.close()
    assert done.accepted == 2


def test_a_package_that_is_missing_is_named_by_its_extra(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['s3fs'] = None\nfrom kindred.cli import main\n"
        "sys.argv = ['kindred', 'ingest', 'products', '--dry-run', '--reviews', 's3://bucket/key']\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == SettingsError.exit_code, done.stderr
    assert "s3:// needs a package that is not installed" in done.stderr and ".[s3]" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "products", "--out", "s3://bucket/sample"),
        ("graph", "export", "--format", "graphml", "-o", "gs://bucket/x.graphml"),
        ("--data-dir", "s3://bucket/data", "graph", "stats"),
    ],
)
def test_what_is_written_is_written_here(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, KindredError) and "is an address" in str(result.exception)
    assert not list(tmp_path.iterdir())
