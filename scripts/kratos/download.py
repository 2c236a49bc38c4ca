"""Downloads: from a mirror folder or upstream, checked before a file gets its final name."""

import sys
import tarfile
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import IO

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from kratos.errors import KratosError
from kratos.files import atomic_path

CHUNK = 1 << 20
REMEDY = (
    "try again later, or download it by hand into a folder under the name {name}, add its line to SHA256SUMS there "
    "(sha256sum {name} >> SHA256SUMS), and name the folder in KRATOS_MIRROR or the config key `mirror`"
)


def fetch(
    name: str,
    url: str,
    sha256: str | None,
    destination: str | Path,
    mirror: str | Path | None = None,
    member: str | None = None,
    timeout: float = 60.0,
    attempts: int = 5,
    backoff: float = 1.0,
) -> dict[str, str | int]:
    """Get a file: from the mirror when it has it, else from upstream.

    Parameters
    ----------
    name
        The file's name in the mirror, also for messages.
    url
        Upstream address (http or https).
    sha256
        Checksum of what the url gives (with `member`: of the tar archive); None when none is published. A mirror
        answers for its own bytes in its ``SHA256SUMS`` instead, because its copy may be compressed anew.
    destination
        Final path. It appears only when the file is whole and checked; an existing file is replaced.
    mirror
        Folder with files and a ``SHA256SUMS`` (format of sha256sum). A file that it lacks comes from upstream.
    member
        The url is a tar archive; the wanted file is this member of it. The mirror holds the member itself, as `name`.
    timeout
        Seconds without an answer, or between two pieces of it, before giving up.
    attempts
        Repeats after a failed connection or an answer 429, 500, 502, 503 or 504.
    backoff
        Seconds; the wait before repeat i is ``backoff * 2**(i - 1)``.

    Returns
    -------
    dict
        Receipt: ``name``, ``url``, ``sha256`` and ``bytes`` of `destination`, ``origin`` (mirror or upstream); for a
        member from upstream also ``archive_sha256``.

    Raises
    ------
    KratosError
        Naming file, url, expected checksum, what came instead, and what to do.
    """
    receipt: dict[str, str | int] = {"name": name, "url": url}
    if mirror is not None and not Path(mirror).is_dir():
        raise KratosError(f"{name}: the mirror folder {mirror} does not exist; correct KRATOS_MIRROR or `mirror`")
    with atomic_path(destination) as part:
        if mirror is not None and (Path(mirror) / name).is_file():
            receipt["origin"] = "mirror"
            receipt["sha256"] = _copy_from_mirror(name, Path(mirror), part)
        else:
            receipt["origin"] = "upstream"
            # The archive lies in the temporary folder, which goes away with the block.
            target = part if member is None else part.with_name(f"{part.name}.tar")
            lacking = f"the mirror {mirror} does not have the file; " if mirror is not None else ""
            with _session(attempts, backoff) as session:
                receipt["sha256"] = _download(session, name, url, sha256, target, timeout, lacking)
            if member is not None:
                receipt["archive_sha256"] = receipt["sha256"]
                receipt["sha256"] = _extract(name, url, target, member, part)
        receipt["bytes"] = part.stat().st_size
    return receipt


def _copy(source: IO[bytes], path: Path) -> str:
    """Copy a stream into a new file; its SHA-256."""
    digest = new_sha256()
    with path.open("wb") as handle:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            handle.write(chunk)
    return digest.hexdigest()


def _copy_from_mirror(name: str, mirror: Path, part: Path) -> str:
    """Copy ``mirror/name`` and check it against the mirror's own sums."""
    sums = mirror / "SHA256SUMS"
    if not sums.is_file():
        raise KratosError(f"{name}: the mirror {mirror} has no SHA256SUMS; make it there: sha256sum * > SHA256SUMS")
    lines = [line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()]
    listed = {words[1].strip().removeprefix("*").removeprefix("./"): words[0] for words in lines if len(words) == 2}
    if name not in listed:
        raise KratosError(f"{name}: {sums} has no line for it; add one (sha256sum {name} >> SHA256SUMS) or remove it")
    with (mirror / name).open("rb") as source:
        found = _copy(source, part)
    if found != listed[name].lower():
        raise KratosError(
            f"{name}: {mirror / name} has sha256 {found}, but {sums} says {listed[name]}; "
            "the copy is damaged or was changed, put the right file there"
        )
    return found


def _session(attempts: int, backoff: float) -> requests.Session:
    """A session that repeats what may pass: failed connections and a busy server."""
    retry = Retry(
        total=attempts,
        backoff_factor=backoff,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=("GET",),
        raise_on_status=False,
    )
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    return session


def _download(
    session: requests.Session, name: str, url: str, sha256: str | None, part: Path, timeout: float, lacking: str
) -> str:
    """Stream `url` into `part`, and check what came."""

    def failure(what: str) -> KratosError:
        expected = sha256 or "not published"
        return KratosError(f"{name}: {url} {what} (expected sha256: {expected}); {lacking}{REMEDY.format(name=name)}")

    digest, n_bytes, head = new_sha256(), 0, b""
    try:
        # Bytes as published: a server that compressed a file on the way would change its checksum.
        with session.get(url, stream=True, timeout=timeout, headers={"Accept-Encoding": "identity"}) as response:
            if response.status_code != 200:
                raise failure(f"answered {response.status_code} {response.reason}")
            if "html" in response.headers.get("Content-Type", "").lower():
                raise failure("gave an HTML page in place of the file")
            announced = response.headers.get("Content-Length", "")
            total = int(announced) if announced.isdigit() else None
            with part.open("wb") as handle, _progress(name, total) as bar:
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    head = head or chunk[:512]
                    digest.update(chunk)
                    n_bytes += handle.write(chunk)
                    bar.update(len(chunk))
    except (requests.ConnectionError, requests.Timeout) as error:
        raise failure(f"cannot be reached: no network, or the server is down ({error})") from error
    except requests.RequestException as error:
        raise failure(f"is no address to download from ({error})") from error
    except (OSError, HTTPError) as error:
        raise failure(f"broke off after {n_bytes:,} bytes ({error})") from error
    if total is not None and n_bytes != total:
        raise failure(f"broke off after {n_bytes:,} of {total:,} bytes")
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise failure("gave an HTML page in place of the file")
    if n_bytes == 0:
        raise failure("gave an empty file")
    found = digest.hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise failure(f"gave {n_bytes:,} bytes with sha256 {found}")
    return found


def _progress(name: str, total: int | None) -> tqdm:
    """A bar on a terminal, a line every few seconds in a log."""
    wait = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, desc=name, unit="B", unit_scale=True, file=sys.stderr, mininterval=wait, leave=True)


def _extract(name: str, url: str, archive: Path, member: str, part: Path) -> str:
    """Write one regular file of a tar archive to `part`; the member's own path is never used to write."""
    try:
        with tarfile.open(archive) as tar:
            names = []
            for entry in tar:
                names.append(entry.name)
                if entry.name.removeprefix("./") != member:
                    continue
                if not entry.isfile():
                    raise KratosError(f"{name}: the member {member!r} of {url} is a link or folder, not a file")
                return _copy(tar.extractfile(entry), part)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise KratosError(f"{name}: {url} is not a whole tar archive ({error}); {REMEDY.format(name=name)}") from error
    raise KratosError(
        f"{name}: {url} has no member {member!r} (it has {', '.join(names[:10])}); correct the member's name"
    )
