import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from typing import ClassVar

import pytest

from tests.conftest import ROOT


def run(*arguments, **environment):
    environment = {**os.environ, "COURSE_DATA": str(ROOT / "data"), **environment}
    return subprocess.run(
        [sys.executable, "-m", "seqlab", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
    )


def test_verify_says_what_it_checked_and_exits_with_zero():
    done = run("verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 7


def test_verify_exits_with_one_where_a_file_was_changed(data):
    (data / "problem1_data" / "RNN_model.json").write_text("{}")
    done = run("verify", COURSE_DATA=str(data))
    assert done.returncode == 1
    assert "RNN_model.json was changed" in done.stdout


def test_no_command_is_an_error_that_shows_the_usage():
    done = run()
    assert done.returncode == 2
    assert "usage: python -m seqlab" in done.stderr


def test_fetching_without_a_network_is_one_line_that_names_mini(tmp_path):
    done = run("fetch", "124M", "--models-dir", str(tmp_path), HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "could not fetch 124M" in done.stderr
    assert "mini" in done.stderr


def test_fetching_an_unknown_size_is_an_error():
    done = run("fetch", "2B")
    assert done.returncode == 1
    assert "choose one of 124M, 355M, 774M, 1558M" in done.stderr


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the model hub's protocol as one download needs, ranges included."""

    protocol_version = "HTTP/1.1"
    content: ClassVar[dict[str, bytes]] = {}
    damaged: ClassVar[set[str]] = set()
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/api/models/"):
            siblings = [
                {"rfilename": name, "size": len(body), "blobId": "0" * 40}
                | (
                    {"lfs": {"sha256": digest(body), "size": len(body), "pointerSize": 1}}
                    if name.endswith(".safetensors")
                    else {}
                )
                for name, body in self.content.items()
            ]
            info = {"id": "openai-community/gpt2", "sha": "a" * 40, "siblings": siblings}
            return self.answer(json.dumps(info).encode(), Content_Type="application/json")
        name = self.path.rsplit("/", 1)[-1]
        body = self.content[name]
        if self.command == "GET":
            self.asked.append((name, self.headers.get("Range")))
        if name in self.damaged:
            body = body[:-1] + b"?"
        headers = {
            "ETag": f'"{digest(self.content[name])}"',
            "X-Repo-Commit": "a" * 40,
            "Accept-Ranges": "bytes",
        }
        return self.answer(body, **headers)

    do_HEAD = do_GET


def digest(body):
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def hub(tmp_path):
    """A hub on this machine whose "124M" is our mini with the real one's file names."""
    mini = ROOT / "data" / "gpt2" / "mini"
    Hub.content = {
        "config.json": (mini / "config.json").read_bytes(),
        "model.safetensors": (mini / "model.safetensors").read_bytes(),
        "merges.txt": b"#version: 0.2\n",
        "vocab.json": b"{}",
    }
    Hub.damaged, Hub.asked = set(), []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
    }
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch_downloads_checks_and_lists_the_files(hub, tmp_path):
    done = run("fetch", "124M", "--models-dir", str(tmp_path / "models"), **hub)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "models" / "124M"
    for name, body in Hub.content.items():
        assert (folder / name).read_bytes() == body
        assert f"{digest(body)}  {name}" in (folder / "SHA256SUMS").read_text()
    n_asked = len(Hub.asked)
    again = run("fetch", "124M", "--models-dir", str(tmp_path / "models"), **hub)
    assert again.returncode == 0
    assert len(Hub.asked) == n_asked  # nothing is downloaded twice


def test_a_file_that_arrives_damaged_is_removed_and_named(hub, tmp_path):
    Hub.damaged = {"model.safetensors"}
    done = run("fetch", "124M", "--models-dir", str(tmp_path), **hub)
    assert done.returncode == 1
    assert "model.safetensors of 124M arrived damaged" in done.stderr
    assert not (tmp_path / "124M" / "model.safetensors").exists()
