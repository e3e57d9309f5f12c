#!/usr/bin/env python3
"""Unpacks pinned wheels side by side into a folder. For C++ that needs a wheel's headers and libraries, not its Python.

    wheels.py absent PINS WHEELS          prints the pins whose wheel is not in the folder WHEELS
    wheels.py missing PINS DEST           prints the pins that are not unpacked in DEST
    wheels.py unpack PINS WHEELS DEST     unpacks those, each checked against its sha256

PINS is a file of requirement lines as pip reads them: name==version --hash=sha256:HEX.
A wheel's dist-info folder is moved in last, so its presence says that the wheel is whole, whenever a run was interrupted.
"""
import csv
import hashlib
import re
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")


class Pin(NamedTuple):
    name: str
    version: str
    sha256: str
    line: str

    def stem(self) -> str:
        return re.sub(r"[-_.]+", "_", self.name).lower() + "-" + self.version


def read_pins(path: str) -> Iterator[Pin]:
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = PIN.fullmatch(line)
        if not match:
            sys.exit(f"{path}:{number}: expected name==version --hash=sha256:HEX, got {line!r}")
        yield Pin(**match.groupdict(), line=line)


def find(folder: Path, stem: str, ending: str) -> Path | None:
    """Wheels and dist-info folders differ from the pin in case and in - or _ only."""
    for entry in folder.glob(f"*{ending}"):
        name = re.sub(r"[-_.]+", "_", entry.name.split("-")[0]).lower()
        if f"{name}-{entry.name.removesuffix(ending).split('-')[1]}" == stem:
            return entry
    return None


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def remove_other_versions(pin: Pin, dest: Path) -> None:
    package = pin.stem().rsplit("-", 1)[0]
    for info in dest.glob("*.dist-info"):
        if re.sub(r"[-_.]+", "_", info.name.split("-")[0]).lower() != package:
            continue
        for row in csv.reader((info / "RECORD").read_text().splitlines()):
            (dest / row[0]).unlink(missing_ok=True)
        shutil.rmtree(info)


def extract(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            target = Path(archive.extract(member, folder))
            if target.is_file():
                target.chmod(0o755 if member.external_attr >> 16 & 0o111 else 0o644)


def unpack(pin: Pin, wheels: Path, dest: Path) -> None:
    wheel = find(wheels, pin.stem(), ".whl")
    if wheel is None:
        sys.exit(f"no wheel of {pin.name} {pin.version} in {wheels}")
    if (found := sha256(wheel)) != pin.sha256:
        sys.exit(f"{wheel}: sha256 is {found}, pinned is {pin.sha256}; delete the file and run again")
    print(f"unpacking {wheel.name}", flush=True)
    fresh = dest / f".{pin.stem()}.unpacking"
    shutil.rmtree(fresh, ignore_errors=True)
    extract(wheel, fresh)
    remove_other_versions(pin, dest)
    (info,) = fresh.glob("*.dist-info")
    for path in sorted(fresh.rglob("*")):
        if path.is_file() and info not in path.parents:
            target = dest / path.relative_to(fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    info.rename(dest / info.name)
    shutil.rmtree(fresh)


def report(pins: str, is_there: Callable[[Pin], object]) -> None:
    for pin in read_pins(pins):
        if not is_there(pin):
            print(pin.line)


def main(arguments: list[str]) -> None:
    match arguments:
        case ["absent", pins, wheels]:
            report(pins, lambda pin: find(Path(wheels), pin.stem(), ".whl"))
        case ["missing", pins, dest]:
            report(pins, lambda pin: find(Path(dest), pin.stem(), ".dist-info"))
        case ["unpack", pins, wheels, dest]:
            Path(dest).mkdir(parents=True, exist_ok=True)
            for pin in read_pins(pins):
                if not find(Path(dest), pin.stem(), ".dist-info"):
                    unpack(pin, Path(wheels), Path(dest))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
