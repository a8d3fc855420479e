"""Write files and folders so that others see the old one or the new one, whole, at every moment."""

import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path


def write_whole(target: Path, content: bytes) -> None:
    """Write a file, or leave the old one untouched.

    Raises:
        OSError: the disk is full, or not writable.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)  # noqa: PTH105  (a name, not a path)
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise


def replace_folder(target: Path, fill: Callable[[Path], object], aside: Path | None = None) -> None:
    """Fill a new folder, then put it in the place of another one.

    A process killed between the two renames leaves the old folder beside its place; the next call
    brings it back first.

        replace_folder(release, lambda new: shutil.copytree(built, new, dirs_exist_ok=True))

    Args:
        target: the folder to replace, or to make
        fill: writes the content into the empty folder that it is given
        aside: a path on the same disk that keeps the old folder; by default it is deleted

    Raises:
        OSError: the disk is full, or not writable; the old folder is untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f".{target.name}.old")
    _recover(target, old)
    new = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
    try:
        fill(new)
        new.chmod(0o755)
        if target.exists():
            target.rename(aside or old)
        new.rename(target)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        _recover(target, aside or old)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their paths below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _recover(target: Path, old: Path) -> None:
    """Bring the old folder back to an empty place; remove what killed processes have left."""
    if old.exists() and not target.exists():
        old.rename(target)
    for left_over in target.parent.glob(f".{glob.escape(target.name)}.*"):
        shutil.rmtree(left_over, ignore_errors=True)
