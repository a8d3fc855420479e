"""Code that ends its process, or others', or stays when it should have ended.

``@MARK@`` is in the command line of what they leave behind.
"""

from tests.autograder.adversaries.kinds import PLAIN, USES_GELU, Adversary, in_gelu

LOST = ("crashed",)
EVERY = "while True:\n    try:\n        time.sleep(9)\n    except BaseException:\n        pass"


def ends(name: str, about: str, code: str, **more) -> Adversary:
    """Return a student who is right, and whose process ends in a cell of its own."""
    more = {"statuses": LOST, "base": PLAIN, **more}
    return Adversary(name, about, first=code, **more)


ALL = (
    ends("exit-now", "leaves at once", "import os\nos._exit(0)"),
    ends("aborts", "aborts", "import os\nos.abort()"),
    ends("segfault", "reads where there is nothing", "import ctypes\nctypes.string_at(0)"),
    ends(
        "killed",
        "kills itself",
        "import os\nos.kill(os.getpid(), 9)",
        statuses=("graded", "crashed"),
    ),
    ends(
        "stopped",
        "stops itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        statuses=("graded", "timed out"),
    ),
    ends("sys-exit", "leaves as programs do", "import sys\nsys.exit(1)", statuses=("graded",)),
    ends(
        "exit-and-quit",
        "leaves as one leaves IPython",
        "exit()\nquit()\nget_ipython().ask_exit()",
        statuses=("graded",),
    ),
    ends("exec", "becomes another program", "import os\nos.execv('/bin/sleep', ['sleep', '1'])"),
    ends(
        "dies-in-test",
        "leaves at once when it is tested",
        "",
        cells=in_gelu("import os\nos._exit(0)"),
        costs=USES_GELU,
    ),
    ends(
        "exits-in-test",
        "raises SystemExit when it is tested",
        "",
        costs=USES_GELU,
        cells=in_gelu("raise SystemExit"),
        statuses=("graded",),
    ),
    ends(
        "dies-often",
        "leaves in every cell, as often as it is started again",
        "import os\nos._exit(0)",
        cells={
            "a-1-1-solution": "import os\nos._exit(1)",
            "a-1-2-solution": "import os\nos.abort()",
            "a-2-1-solution": "import os\nos._exit(1)",
            "b-2-1-solution": "import os\nos._exit(1)",
            "b-1-1-solution": "import os\nos._exit(1)",
        },
        costs=(
            "a-1-1-test",
            "a-1-1-test-stable",
            "a-1-2-test",
            "a-1-2-test-cases",
            "a-2-1-test",
            "a-2-1-test-bias",
            *USES_GELU,
        ),
    ),
    ends(
        "endless",
        "swallows interrupts in a loop without end",
        "import time\n" + EVERY,
        statuses=("timed out",),
    ),
    ends(
        "deaf",
        "ignores SIGINT and SIGTERM, and sleeps",
        "import signal, time\nfor number in range(1, 65):\n    try:\n"
        "        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n"
        "        pass\n" + EVERY,
        statuses=("timed out",),
    ),
    ends(
        "c-loop",
        "loops where Python sees no interrupt",
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
        statuses=("timed out",),
    ),
    ends(
        "kills-parents",
        "kills its parents and everybody else",
        "import os, signal\nfor pid in (os.getppid(), 1, -1, 0, 2, 3, *range(2, 400)):\n"
        "    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):\n"
        "        if pid in (0, 1, os.getpid()) and number != signal.SIGTERM:\n"
        "            continue\n"
        "        try:\n            signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "            os.kill(pid, number)\n            print('SENT' if pid > 1 else 'sent', pid)\n"
        "        except OSError as error:\n            pass\nprint('tried')",
        statuses=("graded", "crashed"),
    ),
    ends(
        "daemon",
        "leaves a process behind that detaches itself",
        """\
import os, subprocess, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 100)
        os.execv('/bin/sh', ['sh', '-c', 'sleep 30; echo > /tmp/late; : @MARK@'])
    os._exit(0)
subprocess.Popen(['/bin/sh', '-c', 'sleep 30; : @MARK@'], start_new_session=True)
os.system('nohup sh -c "sleep 30; : @MARK@" >/dev/null 2>&1 &')
print("left behind")
""",
        statuses=("graded",),
        says="left behind",
    ),
    ends(
        "forks",
        "goes on in two processes, both of which answer",
        "import os\nif os.fork() == 0:\n    pass\nprint('both')",
        statuses=("graded",),
    ),
    ends(
        "forks-in-test",
        "goes on in two processes when it is tested",
        "",
        cells=in_gelu("import os\nif os.fork() == 0:\n    pass"),
        statuses=("graded",),
    ),
    ends(
        "exit-handlers",
        "does something when it ends",
        "import atexit, os, signal, threading, weakref\n"
        "class Last:\n    def __del__(self):\n        import time; time.sleep(60)\nlast = Last()\n"
        "atexit.register(lambda: __import__('time').sleep(60))\n"
        "signal.signal(signal.SIGTERM, lambda *a: None)\n"
        "threading._register_atexit(lambda: __import__('time').sleep(60))",
        statuses=("graded",),
    ),
    ends(
        "threads",
        "leaves threads that go on, and print",
        "import threading, time\n\n\ndef go_on():\n    while True:\n        time.sleep(0.01)\n"
        "        print('still here')\n\n\nfor _ in range(8):\n"
        "    threading.Thread(target=go_on, daemon=False).start()",
        statuses=("graded",),
    ),
    ends(
        "interrupter",
        "has an alarm go off while it is tested",
        "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)",
        costs=(
            "a-1-1-test",
            "a-1-1-test-stable",
            "a-1-2-test",
            "a-1-2-test-cases",
            "a-2-1-test",
            "a-2-1-test-bias",
            *USES_GELU,
        ),
        statuses=("graded", "crashed", "timed out", "suspicious"),
    ),
    ends(
        "no-stack",
        "calls itself without end",
        "import sys\ndef f():\n    f()\n"
        "sys.setrecursionlimit(10**9)\ntry:\n    f()\nexcept RecursionError:\n    print('fell')",
        statuses=("graded", "crashed"),
    ),
    ends(
        "c-stack",
        "fills C's stack",
        "a = []\nfor _ in range(10**6):\n    a = [a]\n"
        "import sys\nsys.setrecursionlimit(10**9)\nrepr(a)",
        statuses=("graded", "crashed", "timed out"),
    ),
    ends(
        "no-recursion",
        "leaves Python no stack to speak of",
        "import sys, threading\nsys.setrecursionlimit(60)\nsys.setswitchinterval(1e-9)",
        costs=(
            "a-1-1-test",
            "a-1-1-test-stable",
            "a-1-2-test",
            "a-1-2-test-cases",
            "a-2-1-test",
            "a-2-1-test-bias",
            *USES_GELU,
        ),
        statuses=("graded", "crashed", "suspicious"),
    ),
)
