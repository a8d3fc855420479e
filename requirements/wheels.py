"""Ask the registry whether students can install without a compiler.

``python requirements/wheels.py``: for every system and Python that students may have, each pinned
requirement needs a wheel. Exits with 0 if all are there, 1 if one is missing, 2 if nothing could be
checked. Needs uv and a network.
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

PINS = Path(__file__).with_name("student.txt")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROMISED = {
    "Windows": "x86_64-pc-windows-msvc",
    "macOS on arm64": "aarch64-apple-darwin",
    "Linux on x86_64": "x86_64-manylinux_2_28",
    "Linux on aarch64": "aarch64-manylinux_2_28",
}
OLDER = {  # looked at and told, not promised
    "macOS on Intel": "x86_64-apple-darwin",
    "Linux with a glibc before 2.28": "x86_64-manylinux2014",
}
# uv names a requirement with its marker: contourpy{python_full_version < '3.12'}==1.3.3
LACKING = re.compile(r"Because ([\w.-]+)(?:\{[^}]*\})?==\S+ has no (?:usable )?wheels")


class NotCheckedError(Exception):
    """The registry, or uv, gave no answer; the message says why."""


@dataclass
class Wheels:
    """What has no wheel, by system and Python.

    Example:
        >>> Wheels({("Windows", "3.14"): ["h5py"]}).lines(["Windows"])
        ['Windows, Python 3.14: no wheel for h5py']
    """

    lacking: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def lines(self, systems: list[str]) -> list[str]:
        """Return a line for each system and Python where something is missing."""
        return [
            f"{system}, Python {python}: no wheel for {', '.join(names)}"
            for (system, python), names in self.lacking.items()
            if names and system in systems
        ]


def resolve(pins: str, platform: str, python: str) -> str:
    """Return what uv objects to these pins there; nothing if every one has a wheel."""
    with tempfile.TemporaryDirectory(prefix="wheels-") as folder:
        path = Path(folder) / "pins.txt"
        path.write_text(pins, encoding="utf-8")
        command = ["uv", "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--python-platform", platform, "--python-version", python, str(path)]
        try:
            done = subprocess.run(  # noqa: S603  (our own command)
                command, capture_output=True, text=True, encoding="utf-8", check=False
            )
        except FileNotFoundError:
            raise NotCheckedError("uv is missing: pip install uv") from None
    return done.stderr if done.returncode else ""


def lacking(pins: str, platform: str, python: str) -> list[str]:
    """Return the names of the requirements that have no wheel there.

    Raises:
        NotCheckedError: uv failed for another reason.
    """
    names: list[str] = []
    while objection := resolve(pins, platform, python):
        name = LACKING.search(" ".join(objection.split()))
        pattern = name and re.compile(rf"^{re.escape(name[1])}==.*\n?", re.MULTILINE)
        if not (name and pattern and pattern.search(pins)):
            raise NotCheckedError(" ".join(objection.split())[:300])
        names.append(name[1])
        pins = pattern.sub("", pins)
    return names


def look(pins: str) -> Wheels:
    """Look at every system and every Python.

    Raises:
        NotCheckedError: the registry or uv gave no answer.
    """
    wheels = Wheels()
    for system, platform in {**PROMISED, **OLDER}.items():
        for python in PYTHONS:
            wheels.lacking[system, python] = lacking(pins, platform, python)
        print(f"looked at {system}", file=sys.stderr)  # each takes up to a minute
    return wheels


def main() -> int:
    """Print what is missing, and return the exit status."""
    try:
        wheels = look(PINS.read_text("utf-8"))
    except NotCheckedError as error:
        print(f"nothing was checked, is there a network? {error}", file=sys.stderr)
        return 2
    missing = wheels.lines([*PROMISED])
    for line in missing:
        print(line)
    for line in wheels.lines([*OLDER]):
        print(f"{line} (not promised)")
    if not missing:
        print(f"every wheel is there: {', '.join(PROMISED)}; Python {', '.join(PYTHONS)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
