#!/usr/bin/env python3
"""Make a CUDA wheel small enough to carry: take the machine code of other GPU generations out of its libraries.

    python slim_wheel.py IN.whl OUT --sm 90 [--no-ptx] [--drop GLOB ...]   OUT: a folder, or a new wheel (.whl)
    python slim_wheel.py --show LIBRARY.so [--sm 90]                       what it holds and what would be kept

A CUDA library holds "fat binaries": containers, one per compiled file, each with one entry per generation (sm_80,
sm_90, ...), as machine code (cubin) or as PTX, which the driver compiles at load. The loader picks one entry by the
numbers in its header. Here the others are removed: the entries that stay move to the front of their container, its size
is lowered, and the bytes behind become zeros, which compress to nothing. Containers stay where they are, the file keeps
its length, and no byte outside of containers changes (`verify` checks all this after each library).

What is kept is decided for each container on its own, because libraries mix: of vLLM 0.24.0's, FlashAttention 2 and
some quantisation kernels have no machine code for sm_90 and run there from PTX of compute_80.

    cubins of the same major number that are not newer      if there are any
    else PTX that is not newer                              (compiled by the driver when first used; not with --no-ptx)
    else nothing: an empty PTX text of a newer generation   (kernels that this GPU cannot run at all)

A wheel's RECORD keeps the old hashes; pip does not check them on `install --no-deps --no-index --target`.

Layout (little endian; `cuobjdump --list-elf --list-ptx LIB` shows the same entries before and after):

    container  u32 0xBA55ED50, u16 version 1, u16 header size 16, u64 bytes that follow
    entry      u16 kind (1 PTX, 2 cubin), u16 0x101, u32 header size, u64 payload size, u32 compressed size, u32,
               u16 minor, u16 major, u32 sm, ... u64 flags at 40 (0x8000 compressed, 0x100000 the `a` variant), ...
               u64 uncompressed size at 56
"""

import argparse
import fnmatch
import struct
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAGIC = struct.pack("<I", 0xBA55ED50)
CONTAINER = struct.Struct("<IHHQ")
ENTRY = struct.Struct("<HHIQIIHHI")
FLAGS_AT, LEAST_HEAD, PTX_HEAD = 40, 64, 80
PTX, CUBIN = 1, 2
ARCH_SPECIFIC = 0x100000
LINUX_64_BIT = 0x11


@dataclass(frozen=True)
class Entry:
    kind: int
    sm: int
    flags: int
    start: int  # of its header
    head: int
    size: int  # of the payload

    @property
    def end(self) -> int:
        return self.start + self.head + self.size

    @property
    def name(self) -> str:
        return f"{'ptx' if self.kind == PTX else 'sm'}_{self.sm}{'a' if self.flags & ARCH_SPECIFIC else ''}"


@dataclass(frozen=True)
class Container:
    start: int
    end: int
    entries: tuple[Entry, ...]


class UnknownLayout(ValueError):
    """A container that does not look like the documented ones: better to stop than to remove the wrong bytes."""


def containers(data: bytes | bytearray) -> Iterator[Container]:
    """All containers in file order.

    Raises:
        UnknownLayout: entries do not fill their container exactly, or are of an unknown kind.
    """
    at = data.find(MAGIC)
    while at >= 0:
        _, version, header, size = CONTAINER.unpack_from(data, at) if at + CONTAINER.size <= len(data) else (0, 0, 0, 0)
        end = at + header + size
        if version != 1 or header != CONTAINER.size or end > len(data):
            at = data.find(MAGIC, at + 1)  # four bytes that only look like the magic number
            continue
        place, entries = at + header, []
        while place < end:
            kind, _, head, payload, _, _, _, _, sm = ENTRY.unpack_from(data, place)
            if kind not in (PTX, CUBIN) or not LEAST_HEAD <= head <= 4096 or place + head + payload > end:
                raise UnknownLayout(f"entry of kind {kind} at {place:#x} of the container at {at:#x}")
            (flags,) = struct.unpack_from("<Q", data, place + FLAGS_AT)
            entries.append(Entry(kind, sm, flags, place, head, payload))
            place += head + payload
        yield Container(at, end, tuple(entries))
        at = data.find(MAGIC, end)


def needed(entries: Sequence[Entry], sm: int, ptx: bool = True) -> list[Entry]:
    """The entries of one container that a GPU of this generation could load."""
    cubins = [entry for entry in entries if entry.kind == CUBIN and entry.sm // 10 == sm // 10 and entry.sm <= sm]
    return cubins or [entry for entry in entries if ptx and entry.kind == PTX and entry.sm <= sm]


def packed(data: bytes | bytearray, container: Container, sm: int, ptx: bool) -> bytes:
    """A container of the same length that holds only what is needed."""
    keep = needed(container.entries, sm, ptx)
    parts = [bytes(data[entry.start : entry.end]) for entry in keep] or [_nothing(sm)]
    inside = b"".join(parts)
    whole = CONTAINER.pack(0xBA55ED50, 1, CONTAINER.size, len(inside)) + inside
    return whole + bytes(container.end - container.start - len(whole))


def _nothing(sm: int) -> bytes:
    """What nvcc 13.0 writes for an empty file and `code=compute_120`: an entry that no GPU up to `sm` can use. A
    container without any entry would be a case that no compiler writes."""
    newer = max(120, sm + 10)
    text = f"\n\n\n\n\n\n\n\n.version 9.0\n.target sm_{newer}\n.address_size 64\n\n\n".encode()
    text += bytes(8 - len(text) % 8)
    head = bytearray(PTX_HEAD)
    ENTRY.pack_into(head, 0, PTX, 0x101, PTX_HEAD, len(text), 0, 64, 0, 9, newer)
    struct.pack_into("<Q", head, FLAGS_AT, LINUX_64_BIT)
    struct.pack_into("<Q", head, 64, 72)
    return bytes(head) + text


def slim(data: bytearray, sm: int, ptx: bool = True) -> tuple[Counter, Counter]:
    """Remove in place what the generation cannot use; returns bytes kept and bytes removed per entry name."""
    kept, removed = Counter(), Counter()
    for container in list(containers(data)):
        keep = needed(container.entries, sm, ptx)
        for entry in container.entries:
            (kept if entry in keep else removed)[entry.name] += entry.size
        if len(keep) < len(container.entries):
            data[container.start : container.end] = packed(data, container, sm, ptx)
    return kept, removed


def verify(before: bytes, after: bytes | bytearray, sm: int, ptx: bool = True) -> None:
    """Needed entries are unchanged, byte for byte and in order, and so is everything outside of containers.

    Raises:
        UnknownLayout: they are not.
    """
    if len(before) != len(after):
        raise UnknownLayout("the length changed")
    old, new = list(containers(before)), list(containers(after))
    if [container.start for container in old] != [container.start for container in new]:
        raise UnknownLayout("a container moved")
    place = 0
    for was, now in zip(old, new, strict=True):
        if before[place : was.start] != after[place : was.start]:
            raise UnknownLayout(f"bytes changed between {place:#x} and {was.start:#x}")
        place = was.end
        keep = needed(was.entries, sm, ptx)
        if [before[entry.start : entry.end] for entry in keep] != [
            bytes(after[entry.start : entry.end]) for entry in (now.entries if keep else ())
        ]:
            raise UnknownLayout(f"an entry of the container at {was.start:#x} changed")
        if any(after[now.end : was.end]):
            raise UnknownLayout(f"the space behind the container at {was.start:#x} is not blank")
    if before[place:] != after[place:]:
        raise UnknownLayout(f"bytes changed after {place:#x}")


def _sizes(sizes: Counter) -> str:
    return ", ".join(f"{name} {size / 2**20:.1f}" for name, size in sorted(sizes.items())) or "nothing"


def _show(path: str, sm: int, ptx: bool) -> None:
    data = Path(path).read_bytes()
    found = Counter(
        (
            " ".join(entry.name for entry in container.entries),
            " ".join(entry.name for entry in needed(container.entries, sm, ptx)) or "nothing",
        )
        for container in containers(data)
    )
    for (names, keep), count in found.most_common():
        print(f"{count:4} x {names}   keeps: {keep}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", nargs="?")
    parser.add_argument("target", nargs="?")
    parser.add_argument("--sm", type=int, default=90)
    parser.add_argument("--no-ptx", action="store_true", help="also without the PTX of kernels that have no cubin")
    parser.add_argument("--untouched", action="store_true", help="only leave out what --drop names")
    parser.add_argument("--drop", nargs="*", default=[], metavar="GLOB")
    parser.add_argument("--show", metavar="LIBRARY")
    args = parser.parse_args()
    ptx = not args.no_ptx
    if args.show:
        return _show(args.show, args.sm, ptx)
    if not args.source or not args.target:
        parser.error("needs IN.whl and OUT")
    out = zipfile.ZipFile(args.target, "w", zipfile.ZIP_DEFLATED) if args.target.endswith(".whl") else None
    with zipfile.ZipFile(args.source) as source:
        for item in source.infolist():
            if item.is_dir() or any(fnmatch.fnmatch(item.filename, pattern) for pattern in args.drop):
                continue
            data = bytearray(source.read(item))
            if not args.untouched and ".so" in item.filename and data[:4] == b"\x7fELF":
                before = bytes(data)
                kept, removed = slim(data, args.sm, ptx)
                verify(before, data, args.sm, ptx)
                if kept or removed:
                    print(f"{item.filename}: keeps MiB {_sizes(kept)}; removes {_sizes(removed)}", file=sys.stderr)
            if out is not None:
                out.writestr(item, bytes(data))
                continue
            path = Path(args.target, item.filename)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            if item.external_attr >> 16 & 0o111:
                path.chmod(0o755)
    if out is not None:
        out.close()


if __name__ == "__main__":
    main()
