"""What seqlab prints reaches any console and any pipe."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def python(*arguments, encoding="cp1252"):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, cwd=ROOT, env=environment, timeout=300
    )


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "ascii"])
def test_the_summary_of_a_model_is_printed_in_any_encoding(encoding):
    code = "import seqlab; seqlab.load_keras_model('RNN').summary()"
    done = python("-c", code, encoding=encoding)
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert b"Parameters in all: 37,356" in done.stdout


def test_a_name_that_a_console_cannot_show_is_no_error(tmp_path):
    folder = tmp_path / "Übung ✓"
    folder.mkdir()
    done = python("-m", "seqlab", "check", str(folder / "none.ipynb"), encoding="ascii")
    assert done.returncode == 2
    assert b"cannot be read" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f'"{sys.executable}" -m seqlab verify | head -n 1', shell=True, capture_output=True
    )
    assert done.stdout.startswith(b"ok      files")
    assert done.stderr == b""
