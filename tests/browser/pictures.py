"""Pictures of pages for the docs: as seen, on a phone and in the dark, in few colours."""

import os
import struct
import zlib
from collections import Counter
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
VARIABLE = "NOTIFIER_PICTURES"  # the folder to keep them in; without it none is taken
_COLOURS = 256
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
Pixel = tuple[int, int, int]


def take_pictures(page: Page, name: str, *, dark: bool = False, phone: bool = False) -> None:
    """Keep `name`.png, and `name`-dark.png or `name`-phone.png, where pictures are asked for."""
    if not os.environ.get(VARIABLE):
        return
    if dark:
        page.emulate_media(color_scheme="dark")
        # The admin asks for the device's wish at its start alone.
        page.evaluate("document.documentElement.classList.add('dark')")
        _keep(page, f"{name}-dark")
        page.emulate_media(color_scheme="light")
        page.evaluate("document.documentElement.classList.remove('dark')")
    if phone:
        page.set_viewport_size(PHONE)
        _keep(page, f"{name}-phone")
        page.set_viewport_size(WIDE)
    _keep(page, name)


def _keep(page: Page, name: str) -> None:
    page.wait_for_timeout(400)  # transitions
    seen = page.screenshot(animations="disabled", caret="hide")
    (Path(os.environ[VARIABLE]) / f"{name}.png").write_bytes(reduce_colours(seen))


def reduce_colours(png: bytes) -> bytes:
    """Return Chromium's screenshot with a palette: a third of its size, and no visible change."""
    width, height, pixels = _read_pixels(png)
    counts = Counter(_coarsen(pixel) for pixel in pixels)
    palette = [colour for colour, _ in counts.most_common(_COLOURS)]
    places = {colour: place for place, colour in enumerate(palette)}
    places |= {colour: _find_nearest(colour, palette) for colour in counts.keys() - places.keys()}
    exact = _average(pixels, places, len(palette))
    indices = bytes(places[_coarsen(pixel)] for pixel in pixels)
    lines = b"".join(b"\0" + indices[at : at + width] for at in range(0, len(indices), width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = bytes(part for colour in exact for part in colour)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)))
    return _SIGNATURE + b"".join(_frame(kind, data) for kind, data in (*chunks, (b"IEND", b"")))


def _coarsen(pixel: Pixel) -> Pixel:
    red, green, blue = pixel
    return red >> 2, green >> 2, blue >> 2


def _find_nearest(colour: Pixel, palette: list[Pixel]) -> int:
    def distance(place: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, palette[place], strict=True))

    return min(range(len(palette)), key=distance)


def _average(pixels: list[Pixel], places: dict[Pixel, int], size: int) -> list[Pixel]:
    """Give each entry of the palette the commonest colour that it stands for."""
    found: list[Counter[Pixel]] = [Counter() for _ in range(size)]
    for pixel, count in Counter(pixels).items():
        found[places[_coarsen(pixel)]][pixel] += count
    return [each.most_common(1)[0][0] for each in found]


def _read_pixels(png: bytes) -> tuple[int, int, list[Pixel]]:
    chunks = _split_chunks(png)
    head = next(data for kind, data in chunks if kind == b"IHDR")
    width, height, _, colour_type = struct.unpack(">IIBB", head[:10])
    step = 4 if colour_type == 6 else 3
    raw = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    rows = _unfilter(raw, stride=width * step, step=step)
    flat = [
        (row[at], row[at + 1], row[at + 2]) for row in rows for at in range(0, width * step, step)
    ]
    return width, height, flat


def _split_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += length + 12
    return chunks


def _frame(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _unfilter(raw: bytes, *, stride: int, step: int) -> list[bytearray]:
    """Undo PNG's filters (PNG specification, section 9)."""
    rows, above = [], bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for at in range(stride if kind else 0):
            left = row[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            row[at] = (row[at] + _predict(kind, left, above[at], corner)) & 255
        rows.append(row)
        above = row
    return rows


def _predict(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:  # Paeth
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))
    return {1: left, 2: up, 3: (left + up) // 2}[kind]
