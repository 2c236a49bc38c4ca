"""MNIST: 70,000 handwritten digits of 28 x 28 pixels, read from its four idx files."""

import struct
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from kratos.datasets._files import pick, unzip
from kratos.datasets._images import as_cells
from kratos.errors import KratosError

PARTS = ("train", "t10k")


def read_idx(path: Path, n_dimensions: int) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes.

    Layout: two zero bytes, the type (0x08 = unsigned byte), the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the values.

    Parameters
    ----------
    path
        File.
    n_dimensions
        3 for images, 1 for labels.

    Returns
    -------
    numpy.ndarray
        uint8, of the shape that the file declares.

    Raises
    ------
    KratosError
        Naming the file and the byte where the magic number is wrong, or the expected and found lengths.
    """
    content = unzip(path)
    magic, start = bytes([0, 0, 8, n_dimensions]), 4 + 4 * n_dimensions
    if len(content) < start:
        raise KratosError(f"{path}: {len(content)} bytes, but its header has {start}; download the file again")
    for position in range(4):
        if content[position] != magic[position]:
            raise KratosError(
                f"{path}: byte {position} of the magic number is 0x{content[position]:02x}, expected "
                f"0x{magic[position]:02x}; this is not an idx file of {n_dimensions}-dimensional unsigned bytes, "
                "download it again"
            )
    shape = struct.unpack(f">{n_dimensions}I", content[4:start])
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        raise KratosError(
            f"{path}: {len(content)} bytes after unpacking, expected {expected} "
            f"({start} of header and {' x '.join(map(str, shape))} values); download the file again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def load(files: dict[str, Path]) -> ad.AnnData:
    """Load all of MNIST, the training images first.

    Parameters
    ----------
    files
        ``train images``, ``train labels``, ``t10k images``, ``t10k labels`` (found by their published names).

    Returns
    -------
    anndata.AnnData
        70,000 images x 784 pixels, CSR, ``X`` = pixel / 255, cell types "0" to "9", ``obs["upstream_split"]``
        (train or t10k); see `kratos.datasets._images`.

    Raises
    ------
    KratosError
        For a damaged file, unequal numbers of images and labels, or a label that is no digit.
    """
    images, labels, names = [], [], []
    for part in PARTS:
        paths = [pick(files, f"{part} {kind}") for kind in ("images", "labels")]
        pixels, digits = read_idx(paths[0], 3), read_idx(paths[1], 1)
        if len(pixels) != len(digits):
            raise KratosError(
                f"{paths[0]} has {len(pixels)} images but {paths[1]} has {len(digits)} labels; download both again"
            )
        if images and pixels.shape[1:] != images[0].shape[1:]:
            raise KratosError(f"{paths[0]}: images of {pixels.shape[1:]} pixels, those of train differ; download again")
        if (digits > 9).any():
            index = int(np.argmax(digits > 9))
            raise KratosError(f"{paths[1]}: byte {8 + index} is {digits[index]}, not a digit; download the file again")
        images.append(pixels)
        labels.append(digits)
        names += [f"{part}_{index:05d}" for index in range(len(digits))]
    adata = as_cells(np.concatenate(images), 255, np.concatenate(labels), names)
    adata.obs["upstream_split"] = pd.Categorical(
        np.repeat(PARTS, [len(digits) for digits in labels]), categories=list(PARTS)
    )
    return adata
