"""Code that takes all there is of something: memory, processes, disk, files, output."""

from tests.autograder.adversaries.kinds import PLAIN, Adversary

STOPPED = ("graded", "crashed", "timed out")


def takes(name: str, about: str, code: str, **more) -> Adversary:
    """Return a student who is right, but for a cell that takes too much."""
    more = {"statuses": STOPPED, "base": PLAIN, **more}
    return Adversary(name, about, first=code, **more)


BOMB = """\
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""

FILL = """\
import os
for folder in ("/tmp", os.environ["HOME"], "/dev/shm"):
    try:
        with open(folder + "/full", "wb", 0) as file:
            while True:
                file.write(bytes(10_000_000))
    except OSError as error:
        print(folder, os.stat(folder + "/full").st_size, error.strerror)
    os.truncate(folder + "/full", 0)
"""

# Memory that belongs to no process: whoever adds up what processes hold does not see it.
UNSEEN = """\
import os
kept = []
try:
    for _ in range(100):
        kept.append(os.memfd_create("unseen"))
        for _ in range(4):
            os.write(kept[-1], bytes(10_000_000))
        print("UNSEEN", len(kept) * 40, "MB")
except OSError as error:
    print("refused", error.strerror)
"""

SEGMENTS = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
for i in range(20):
    segment = libc.shmget(0, ctypes.c_size_t(100_000_000), 0o1600)
    at = libc.shmat(segment, None, 0) if segment >= 0 else None
    if at in (None, ctypes.c_void_p(-1).value):
        print("refused", os.strerror(ctypes.get_errno()))
        break
    ctypes.memset(at, 1, 100_000_000)
    libc.shmdt(ctypes.c_void_p(at))
    print("UNSEEN", (i + 1) * 100, "MB")
"""

OPENS = """\
import os
kept = []
try:
    while True:
        kept.append(os.open('/dev/null', 0))
"""

# Memory of buffers, which Linux counts for no process.
SOCKETS = """\
import socket, time
kept = []
while True:
    one, other = socket.socketpair()
    one.setblocking(False)
    kept += [one, other]
    try:
        while True:
            one.send(bytes(60_000))
    except BlockingIOError:
        pass
    except OSError:
        break
time.sleep(3)
print("UNSEEN", len(kept))
"""

INTERNET = """\
import socket, time
server, kept = socket.create_server(("127.0.0.1", 0)), []
while len(kept) < 200:
    one = socket.create_connection(server.getsockname())
    kept += [one, server.accept()[0]]
    one.setblocking(False)
    try:
        while True:
            one.send(bytes(600_000))
    except BlockingIOError:
        pass
time.sleep(3)
print("UNSEEN", len(kept))
"""

FAMILIES = """\
import fcntl, os, socket
def refused(make):
    try:
        make()
    except OSError as error:
        return print("refused", error.strerror)
    print("DID what it must not")
for family in (16, 17, 29, 31, 38, 40, 44, 45):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        refused(lambda: socket.socket(family, kind))
one, other = socket.socketpair()
for option in (socket.SO_SNDBUF, socket.SO_RCVBUF, 32, 33):
    refused(lambda: one.setsockopt(socket.SOL_SOCKET, option, 4_000_000))
refused(lambda: fcntl.fcntl(os.pipe()[1], 1031, 1 << 20))
"""

ALL = (
    takes("fork-bomb", "forks without end", BOMB, statuses=("crashed", "timed out")),
    takes(
        "thread-bomb",
        "starts threads without end",
        "import threading, time\ntry:\n    while True:\n"
        "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "except RuntimeError as error:\n    print('refused', error)",
        says="refused",
    ),
    takes(
        "memory",
        "takes all memory in one piece after the other",
        "kept = []\ntry:\n    while True:\n        kept.append(bytes(50_000_000))\n"
        "except MemoryError:\n    print('refused', len(kept))\ndel kept",
        says="refused",
    ),
    takes(
        "memory-of-many",
        "takes memory in many processes",
        """\
import os, time
for _ in range(40):
    if os.fork() == 0:
        mine = bytearray(os.urandom(4096)) * 25_000
        time.sleep(60)
time.sleep(60)
""",
        statuses=("crashed",),
    ),
    takes("unseen-memory", "takes memory that no process has mapped", UNSEEN),
    takes("segments", "takes memory in shared segments that nobody is attached to", SEGMENTS),
    takes("sockets", "takes memory of sockets", SOCKETS, statuses=("crashed",)),
    takes("internet", "takes memory of internet sockets", INTERNET, statuses=("crashed",)),
    takes("families", "opens sockets that no network namespace confines", FAMILIES, says="refused"),
    takes("prints", "prints without end", "for _ in range(100_000):\n    print('x' * 100)"),
    takes(
        "writes-out",
        "writes to its standard output without end",
        "import os\nfor _ in range(3000):\n    os.write(1, b'y' * 100_000)",
    ),
    takes(
        "yes",
        "lets a program print without end",
        "import subprocess\ntry:\n    subprocess.run('yes', timeout=2)\n"
        "except Exception as error:\n    print(type(error))",
    ),
    takes(
        "displays",
        "displays 90 MB",
        "from IPython.display import HTML, display\ndisplay(HTML('x' * 90_000_000))",
        statuses=("graded", "crashed"),
    ),
    takes(
        "many-displays",
        "displays very many things",
        "from IPython.display import display\nfor i in range(20_000):\n    display(i)",
    ),
    takes("big-error", "raises an error of 50 MB", "raise ValueError('x' * 50_000_000)"),
    takes("disk", "fills every folder that it may write to", FILL, says="/tmp"),
    takes(
        "inodes",
        "makes files without end",
        "try:\n    for i in range(10**6):\n        open(f'/tmp/{i}', 'w').close()\n"
        "except OSError as error:\n    print('refused', i, error)",
        says="refused",
    ),
    takes(
        "descriptors",
        "opens files without end",
        OPENS + "except OSError as error:\n    print('refused', len(kept), error)\n"
        "for each in kept:\n    os.close(each)",
        says="refused",
    ),
    takes(
        "descriptors-kept",
        "opens files without end, and keeps them",
        OPENS + "except OSError as error:\n    print('refused', len(kept), error)",
        says="refused",
    ),
    takes(
        "limits",
        "raises its own limits",
        "import resource\nfor what in range(16):\n    try:\n"
        "        resource.setrlimit(what, (resource.RLIM_INFINITY,) * 2)\n"
        "        print('raised', what, resource.getrlimit(what))\n"
        "    except (ValueError, OSError) as error:\n        print('refused', what)",
        says="refused",
    ),
)
