"""Students install without a compiler: a script asks the registry, and says so where it cannot."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "requirements" / "wheels.py"
PINS = "h5py==3.15.1\nnumpy==2.4.6 ; python_full_version < '3.12'\nsix==1.17.0\n"
NETWORK = "error: Failed to fetch: `https://registry/simple/six/`\n  cause: dns error"


@pytest.fixture
def wheels(monkeypatch):
    """The script as a module, before a registry that lacks what a test says."""
    spec = importlib.util.spec_from_file_location("wheels", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "wheels", module)
    spec.loader.exec_module(module)
    return module


def registry(wheels, monkeypatch, lacks):
    """Let ``{(platform, python): names}`` have no wheels."""

    def resolve(pins, platform, python):
        for name in lacks.get((platform, python), ()):
            if f"{name}==" in pins:
                marked = f"{name}{{python_full_version < '3.12'}}" if name == "numpy" else name
                return (
                    "error: No solution found when resolving dependencies\n"
                    f"  cause: Because {marked}==1.2 has no usable wheels and you\n"
                    f"      require {name}==1.2, we can conclude that …"
                )
        return ""

    monkeypatch.setattr(wheels, "resolve", resolve)


def test_every_requirement_without_a_wheel_is_named_where_it_lacks_one(wheels, monkeypatch, capsys):
    windows, intel = wheels.PROMISED["Windows"], wheels.OLDER["macOS on Intel"]
    lacks = {(windows, "3.14"): ["h5py", "argon2-cffi"], (intel, "3.11"): ["h5py"]}
    registry(wheels, monkeypatch, lacks)
    monkeypatch.setattr(wheels, "PINS", ROOT / "requirements" / "student.txt")
    assert wheels.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "Windows, Python 3.14: no wheel for h5py, argon2-cffi",
        "macOS on Intel, Python 3.11: no wheel for h5py (not promised)",
    ]


def test_where_nothing_lacks_it_says_what_it_looked_at(wheels, monkeypatch, capsys):
    registry(wheels, monkeypatch, {(wheels.OLDER["macOS on Intel"], "3.11"): ["h5py"]})
    assert wheels.main() == 0
    assert "every wheel is there: Windows, macOS on arm64, Linux" in capsys.readouterr().out


def test_a_requirement_with_a_marker_is_left_out_as_a_whole_line(wheels, monkeypatch):
    registry(wheels, monkeypatch, {("x", "3.11"): ["numpy", "six"]})
    assert wheels.lacking(PINS, "x", "3.11") == ["numpy", "six"]


@pytest.mark.parametrize(
    "objection", [NETWORK, "error: unknown option", "Because y==1 has no wheels"]
)
def test_any_other_objection_is_no_answer_and_no_missing_wheel(
    wheels, monkeypatch, capsys, objection
):
    monkeypatch.setattr(wheels, "resolve", lambda *_: objection)
    assert wheels.main() == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("nothing was checked, is there a network? ")
    assert len(printed.err.splitlines()) == 1


@pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv")
def test_offline_it_says_so(tmp_path):
    offline = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, str(SCRIPT)]
    done = subprocess.run(command, env=offline, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "nothing was checked" in done.stderr
    assert done.stdout == ""


def test_without_uv_it_says_what_to_install(tmp_path):
    command = [sys.executable, str(SCRIPT)]
    nowhere = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, env=nowhere, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "uv is missing: pip install uv" in done.stderr
