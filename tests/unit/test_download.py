"""Downloads against a real local HTTP server: what arrives is whole and checked, or nothing arrives."""

import hashlib
import io
import socket
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kratos.download import fetch
from kratos.errors import KratosError

DATA = bytes(range(256)) * 9000  # 2.3 MB: more than one chunk
SUM = hashlib.sha256(DATA).hexdigest()
MEMBER = b"cell,barcode\nc1,ACGT\n"


def tar_of(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        outside = tarfile.TarInfo("../outside")
        outside.size = len(MEMBER)
        tar.addfile(outside, io.BytesIO(MEMBER))
    return buffer.getvalue()


TAR = tar_of(**{"mouse2.csv.gz": b"other", "mouse1.csv.gz": MEMBER})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        hits = self.server.hits[self.path] = self.server.hits.get(self.path, 0) + 1
        pages = {
            "/ok": (200, "application/octet-stream", DATA),
            "/flaky": (200, "application/octet-stream", DATA) if hits > 2 else (500, "text/plain", b"busy"),
            "/down": (503, "text/plain", b"down"),
            "/login": (200, "text/html; charset=utf-8", b"<p>please log in</p>"),
            "/hidden-html": (200, "application/octet-stream", b"\n<!DOCTYPE html><html>moved</html>"),
            "/short": (200, "application/octet-stream", DATA[:5000]),
            "/empty": (200, "application/octet-stream", b""),
            "/data.tar": (200, "application/x-tar", TAR),
        }
        status, kind, body = pages.get(self.path, (404, "text/plain", b"nothing here"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(DATA) if self.path == "/short" else len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hits = {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "resources" / "data.bin"


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "data.bin").write_bytes(DATA)
    (folder / "SHA256SUMS").write_text(f"{SUM}  data.bin\n")
    return folder


def failure(destination, **arguments):
    """The message of a fetch that must fail and leave nothing behind."""
    with pytest.raises(KratosError) as caught:
        fetch("data.bin", destination=destination, **{"sha256": SUM, "attempts": 2, "backoff": 0.01} | arguments)
    assert list(destination.parent.glob("**/*")) == []
    return str(caught.value)


def assert_names(message, url, sha256=SUM):
    """A failed download names file, url, expected checksum and the mirror as the remedy."""
    for part in ("data.bin", url, sha256, "KRATOS_MIRROR", "`mirror`"):
        assert part in message


def test_upstream_file_arrives_with_receipt(server, destination):
    receipt = fetch("data.bin", f"{server.url}/ok", SUM, destination)
    assert destination.read_bytes() == DATA
    assert receipt == {
        "name": "data.bin", "url": f"{server.url}/ok", "sha256": SUM, "bytes": len(DATA), "origin": "upstream",
    }  # fmt: skip
    assert [path.name for path in destination.parent.iterdir()] == ["data.bin"]


def test_without_published_checksum_the_receipt_has_the_measured_one(server, destination):
    assert fetch("data.bin", f"{server.url}/ok", None, destination)["sha256"] == SUM


def test_uppercase_checksum_is_the_same_checksum(server, destination):
    assert fetch("data.bin", f"{server.url}/ok", SUM.upper(), destination)["sha256"] == SUM


def test_server_errors_are_retried(server, destination):
    fetch("data.bin", f"{server.url}/flaky", SUM, destination, backoff=0.01)
    assert destination.read_bytes() == DATA
    assert server.hits["/flaky"] == 3


def test_lasting_server_error_is_reported_after_the_attempts(server, destination):
    message = failure(destination, url=f"{server.url}/down")
    assert_names(message, f"{server.url}/down")
    assert "answered 503" in message
    assert server.hits["/down"] == 3


def test_missing_page_is_not_retried(server, destination):
    message = failure(destination, url=f"{server.url}/gone")
    assert_names(message, f"{server.url}/gone")
    assert "answered 404 Not Found" in message
    assert server.hits["/gone"] == 1


@pytest.mark.parametrize("page", ["login", "hidden-html"])
def test_html_in_place_of_data_is_an_error_even_without_checksum(server, destination, page):
    message = failure(destination, url=f"{server.url}/{page}", sha256=None)
    assert "gave an HTML page in place of the file (expected sha256: not published)" in message


def test_truncated_download_is_an_error_even_without_checksum(server, destination):
    message = failure(destination, url=f"{server.url}/short", sha256=None)
    assert_names(message, f"{server.url}/short", "not published")
    assert "broke off after 5,000" in message


def test_empty_file_is_an_error(server, destination):
    assert "gave an empty file" in failure(destination, url=f"{server.url}/empty", sha256=None)


def test_wrong_checksum_names_both(server, destination):
    message = failure(destination, url=f"{server.url}/ok", sha256="0" * 64)
    assert_names(message, f"{server.url}/ok", "0" * 64)
    assert f"gave {len(DATA):,} bytes with sha256 {SUM}" in message


def test_failed_download_keeps_the_earlier_file(server, destination):
    fetch("data.bin", f"{server.url}/ok", SUM, destination)
    with pytest.raises(KratosError):
        fetch("data.bin", f"{server.url}/gone", SUM, destination)
    assert destination.read_bytes() == DATA


def test_no_server_is_reported_as_no_network(destination):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/ok"
    message = failure(destination, url=url)
    assert_names(message, url)
    assert "cannot be reached: no network, or the server is down" in message


def test_silent_server_is_given_up_after_the_timeout(destination):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/ok"
        message = failure(destination, url=url, timeout=0.1, attempts=1)
    assert "cannot be reached" in message


def test_other_kinds_of_address_are_refused(destination):
    assert "is no address to download from" in failure(destination, url="ftp://example.org/data.bin")


def test_mirror_comes_first_and_answers_for_its_own_bytes(server, destination, mirror):
    receipt = fetch("data.bin", f"{server.url}/ok", "0" * 64, destination, mirror=mirror)
    assert destination.read_bytes() == DATA
    assert (receipt["origin"], receipt["sha256"], receipt["bytes"]) == ("mirror", SUM, len(DATA))
    assert server.hits == {}


def test_mirror_sums_may_have_star_and_folder(server, destination, mirror):
    (mirror / "SHA256SUMS").write_text(f"{'0' * 64}  other.bin\n\n{SUM} *./data.bin\n")
    assert fetch("data.bin", f"{server.url}/ok", None, destination, mirror=mirror)["origin"] == "mirror"


def test_file_that_the_mirror_lacks_comes_from_upstream(server, destination, mirror):
    (mirror / "data.bin").unlink()
    assert fetch("data.bin", f"{server.url}/ok", SUM, destination, mirror=mirror)["origin"] == "upstream"
    assert destination.read_bytes() == DATA


def test_missing_everywhere_says_that_the_mirror_was_tried(server, tmp_path, mirror):
    (mirror / "data.bin").unlink()
    message = failure(tmp_path / "resources" / "data.bin", url=f"{server.url}/gone", mirror=mirror)
    assert f"the mirror {mirror} does not have the file" in message


def test_changed_mirror_copy_is_an_error(server, destination, mirror):
    (mirror / "data.bin").write_bytes(DATA[:-1])
    message = failure(destination, url=f"{server.url}/ok", mirror=mirror)
    assert hashlib.sha256(DATA[:-1]).hexdigest() in message and SUM in message
    assert server.hits == {}


def test_mirror_without_line_or_sums_is_an_error(server, destination, mirror):
    (mirror / "SHA256SUMS").write_text(f"{SUM}  another.bin\n")
    message = failure(destination, url=f"{server.url}/ok", mirror=mirror)
    assert "SHA256SUMS has no line for it" in message
    (mirror / "SHA256SUMS").unlink()
    assert "has no SHA256SUMS" in failure(destination, url=f"{server.url}/ok", mirror=mirror)


def test_mirror_folder_must_exist(server, destination, tmp_path):
    with pytest.raises(KratosError, match=r"mirror folder .*typo does not exist"):
        fetch("data.bin", f"{server.url}/ok", SUM, destination, mirror=tmp_path / "typo")


def test_member_of_a_tar_is_extracted(server, destination):
    tar_sum = hashlib.sha256(TAR).hexdigest()
    receipt = fetch("mouse1.csv.gz", f"{server.url}/data.tar", tar_sum, destination, member="mouse1.csv.gz")
    assert destination.read_bytes() == MEMBER
    assert receipt["sha256"] == hashlib.sha256(MEMBER).hexdigest()
    assert (receipt["archive_sha256"], receipt["bytes"]) == (tar_sum, len(MEMBER))
    assert [path.name for path in destination.parent.iterdir()] == [destination.name]


def test_member_that_points_outside_is_written_to_the_destination_only(server, destination, tmp_path):
    fetch("data.bin", f"{server.url}/data.tar", None, destination, member="../outside")
    assert destination.read_bytes() == MEMBER
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data.bin", "resources"]


def test_member_that_is_missing_a_link_or_not_in_a_tar_is_an_error(server, destination):
    url = f"{server.url}/data.tar"
    message = failure(destination, url=url, sha256=None, member="mouse3.csv.gz")
    assert "no member 'mouse3.csv.gz' (it has mouse2.csv.gz, mouse1.csv.gz" in message
    assert "is a link or folder" in failure(destination, url=url, sha256=None, member="link")
    message = failure(destination, url=f"{server.url}/ok", sha256=None, member="mouse1.csv.gz")
    assert "is not a whole tar archive" in message
    assert SUM in failure(destination, url=url, member="mouse1.csv.gz")  # the checksum is the archive's


def test_mirror_holds_the_member_itself(server, destination, mirror):
    receipt = fetch("data.bin", f"{server.url}/data.tar", "0" * 64, destination, mirror=mirror, member="data.bin")
    assert destination.read_bytes() == DATA
    assert receipt["origin"] == "mirror"
