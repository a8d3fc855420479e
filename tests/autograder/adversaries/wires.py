"""Code that takes hold of the wire to the autograder and answers by itself, or not at all."""

from tests.autograder.adversaries.kinds import GELU_TESTS, HURRY, Adversary, in_gelu

# What follows runs in gelu, which is right; so its two tests are what an attack may cost.
WIRE = """\
import json, os, struct, sys, time
frame = sys._getframe()
while "sock" not in frame.f_locals or "request" not in frame.f_locals:
    frame = frame.f_back
sock, request = frame.f_locals["sock"], frame.f_locals["request"]


def frame_of(text, *arrays):
    parts = b"".join(struct.pack("<Q", len(a)) + a for a in arrays)
    return struct.pack("<4sII", b"krnl", len(text), len(arrays)) + text + parts


def npy(header, body=b""):
    text = header.encode() + b" " * 20 + b"\\n"
    return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(text)) + text + body


def answer(*arrays, **more):
    body = {"id": request["id"], "value": None, "state": None, "outputs": [], "changed": [],
            "renamed": [], "structure": None, "seconds": 0.0, **more}
    sock.sendall(frame_of(json.dumps(body).encode(), *arrays))


"""
LEAVE = "\ntime.sleep(0.3)\nos._exit(0)\n"
LOST = ("crashed", "suspicious", "timed out")


def wire(name: str, about: str, code: str, statuses: tuple[str, ...] = LOST, **more) -> Adversary:
    """Return a student whose gelu does ``code`` with the wire in hand."""
    cells = in_gelu(WIRE + code)
    return Adversary(name, about, cells=cells, statuses=statuses, costs=GELU_TESTS, **more)


def answers(name: str, about: str, code: str, **more) -> Adversary:
    """Return a student whose gelu answers by itself, and leaves."""
    return wire(name, about, code + LEAVE, **more)


STATE = """\
keys = npy("{'descr': '<u4', 'fortran_order': False, 'shape': (624,), }", bytes(2496))
words = npy("{'descr': '<u4', 'fortran_order': False, 'shape': (625,), }",
            bytes(2496) + struct.pack("<I", 10**9))
answer(keys, words, state={"l": ["MT19937", {"a": 1}, 10**9, 0, 0.0, 3, {"a": 2}, None]})
"""
LINEAGES = (
    "SystemExit",
    "KeyboardInterrupt",
    "MemoryError",
    "BaseException",
    "GeneratorExit",
    "StopIteration",
    "print",
    "__import__",
    "eval",
    "no name at all",
    "AssertionError",
    "BdbQuit",
    "ExceptionGroup",
    "UnicodeDecodeError",
    "SyntaxError",
)

ALL = (
    wire("wire-closed", "closes the wire", "sock.close()"),
    wire("wire-closed-under", "closes the wire's descriptor", "os.close(sock.fileno())"),
    wire(
        "wire-replaced",
        "puts a file in the place of the wire",
        "os.dup2(os.open('/dev/null', os.O_RDWR), sock.fileno())",
    ),
    wire("wire-shut", "shuts the wire down", "sock.shutdown(2)"),
    answers("wire-garbage", "writes what is no message", "sock.sendall(b'\\x00garbage' * 1000)"),
    answers(
        "wire-huge",
        "announces more than there can be",
        "sock.sendall(struct.pack('<4sII', b'krnl', 2**32 - 1, 2**32 - 1))",
    ),
    answers(
        "wire-array-huge",
        "announces an array of exabytes",
        "text = json.dumps({'id': request['id']}).encode()\n"
        "sock.sendall(struct.pack('<4sII', b'krnl', len(text), 1) + text"
        " + struct.pack('<Q', 2**63))",
    ),
    answers(
        "wire-array-late",
        "announces an array of 100 MB that never comes",
        "text = json.dumps({'id': request['id']}).encode()\n"
        "sock.sendall(struct.pack('<4sII', b'krnl', len(text), 1) + text"
        " + struct.pack('<Q', 10**8))",
    ),
    answers("wire-other-id", "answers something else", "answer(id=request['id'] + 1)"),
    wire("wire-two", "answers twice", "answer(value=0)\nanswer(value=0)"),
    wire(
        "wire-ahead",
        "answers what has not been asked yet",
        "for i in range(1, 50):\n    answer(id=request['id'] + i, kinds={'x': 'function'},"
        " value={'l': [1.0]})",
    ),
    answers(
        "wire-many",
        "answers with thousands of messages",
        "for i in range(20000):\n    answer(outputs=[])",
    ),
    answers(
        "wire-deep",
        "answers with lists in lists in lists",
        "sock.sendall(frame_of(b'{\"id\":' + str(request['id']).encode() + b', \"value\":'"
        " + b'[' * 100000 + b']' * 100000 + b'}'))",
    ),
    answers(
        "wire-deep-values",
        "answers with values in values",
        "text = json.dumps({'id': request['id'], 'state': None, 'outputs': [], 'changed': [],"
        " 'renamed': [], 'structure': None}).encode()[:-1]\n"
        "sock.sendall(frame_of(text + b', \"value\": ' + b'{\"l\": [' * 900 + b']}' * 900"
        " + b'}'))",
    ),
    wire("wire-large", "answers with 200 MB", "return np.zeros(25_000_000)"),
    answers(
        "wire-nan",
        "answers with numbers that JSON does not have",
        "sock.sendall(frame_of(b'{\"id\":' + str(request['id']).encode() +"
        ' b\', "value": NaN, "state": Infinity, "outputs": -Infinity}\'))',
    ),
    answers(
        "wire-digits",
        "answers with a number of 100,000 digits",
        "sock.sendall(frame_of(b'{\"id\":' + b'9' * 100_000 + b'}'))",
    ),
    answers(
        "wire-digit-value",
        "answers with a float of 10,000 digits",
        "sock.sendall(frame_of(b'{\"id\":' + str(request['id']).encode() +"
        ' b\', "state": null, "outputs": [], "changed": [], "renamed": [],'
        " \"structure\": null, \"value\": ' + b'9' * 4000 + b'}'))",
    ),
    answers("wire-state", "answers with an impossible state of the random generators", STATE),
    answers(
        "wire-state-other", "answers with a state that is none", "answer(state={'l': [1, 2, 3]})"
    ),
    answers(
        "wire-changed-outside",
        "changes arguments that there are not",
        "answer(changed=[[10**9, -1], [-1, 0]], renamed=[['/nothing', 0]])",
    ),
    answers(
        "wire-changed-lies",
        "changes arguments into other kinds",
        "answer(changed=[['0', None]], renamed=[[{}, []]], structure={'l': [1]})",
    ),
    answers(
        "wire-structure",
        "gives back arguments of other kinds",
        "answer(structure={'t': [{'l': []}, {'d': [[{'l': [1]}, 2]]}]})",
    ),
    answers(
        "wire-outputs",
        "says that it printed what is no text",
        "answer(outputs=[{'output_type': 'stream', 'name': 7, 'text': {}}, 3, None])",
    ),
    answers(
        "wire-error-shapes",
        "raises what is described wrongly",
        "answer(error={'name': None, 'lineage': 3, 'args': {}, 'text': [], 'traceback': 1})",
    ),
    *(
        answers(
            f"wire-raises-{i}",
            f"says that it raised {lineage}",
            f"answer(error={{'name': {lineage!r}, 'lineage': [{lineage!r}], 'args': [],"
            " 'text': '', 'traceback': ''})",
            slow=i > 1,
        )
        for i, lineage in enumerate(LINEAGES)
    ),
    answers(
        "wire-shape",
        "answers with arrays whose headers lie",
        "answer(npy(\"{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 10**9), }\"))",
    ),
    answers(
        "wire-negative",
        "answers with an array of negative shape",
        "answer(npy(\"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1), }\", bytes(8)))",
    ),
    answers(
        "wire-zeros",
        "answers with an array of nothing, 10**18 times",
        "answer(npy(\"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 10**18), }\"),"
        " value={'a': 1})",
    ),
    answers(
        "wire-empty-text",
        "answers with an array of texts without characters",
        "answer(npy(\"{'descr': '<U0', 'fortran_order': False, 'shape': (10**12,), }\"),"
        " value={'a': 1})",
    ),
    answers(
        "wire-objects",
        "answers with an array of objects",
        "answer(npy(\"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\","
        " b'cposix\\\\n_exit\\\\n(I3\\\\ntR.'), value={'a': 1})",
    ),
    answers(
        "wire-records",
        "answers with an array of records",
        "answer(npy(\"{'descr': [('a', '|O'), ('b', '<i4')], 'fortran_order': False,"
        " 'shape': (1,), }\", bytes(12)), value={'a': 1})",
    ),
    answers(
        "wire-code",
        "answers with an array whose header is code",
        "answer(npy(\"__import__('os').abort()\"), value={'a': 1})",
    ),
    answers(
        "wire-negative-numbers", "refers to arrays that there are not", "answer(value={'a': -1})"
    ),
    answers(
        "wire-shared",
        "refers to shared arrays that there are not",
        "answer(value={'g': '../../etc/passwd'})",
    ),
    answers(
        "wire-range", "answers with a range without an end", "answer(value={'r': [0, 10**30, 1]})"
    ),
    wire("wire-silent", "never answers", "while True:\n    time.sleep(0.01)", ("timed out",)),
    wire(
        "wire-deaf",
        "never answers, and swallows interrupts",
        "while True:\n    try:\n        time.sleep(9)\n    except BaseException:\n        pass",
        ("timed out",),
    ),
    wire(
        "wire-late",
        "answers when nobody waits any more",
        "try:\n    time.sleep(9)\nexcept KeyboardInterrupt:\n    time.sleep(1)\n"
        "    answer(value=0)",
        ("timed out", "suspicious"),
    ),
    wire(
        "wire-drip",
        "answers a byte at a time",
        "try:\n    for byte in frame_of(json.dumps({'id': request['id']}).encode()) * 99:\n"
        "        sock.sendall(bytes([byte]))\n        time.sleep(0.3)\nexcept OSError:\n"
        "    pass",
        ("timed out", "crashed", "suspicious"),
    ),
    Adversary(
        "wire-drip-in-cell",
        "answers a byte at a time, for days",
        first="import gc, struct, time\nfrom minikernel.server import KernelServer\n"
        "sock = next(o.connection for o in gc.get_objects() if type(o) is KernelServer)\n"
        "sock.sendall(struct.pack('<4sII', b'krnl', 10**7, 0))\n"
        "while True:\n    try:\n        sock.sendall(b' ')\n        time.sleep(0.1)\n"
        "    except KeyboardInterrupt:\n        pass\n",
        statuses=("timed out",),
    ),
    Adversary(
        "wire-patched",
        "replaces the code that answers",
        base=HURRY,
        first="from minikernel import encoding, server\n"
        "encoding.Encoder.encode = lambda self, value, depth=0: {'e': 0}\n"
        "server.GeneratorSync.get = lambda self, encoder: {'l': []}\n",
        costs=(
            *GELU_TESTS,
            "a-1-1-test",
            "a-1-2-test",
            "a-1-2-test-cases",
            "a-2-1-test",
            "a-2-1-test-bias",
        ),
        statuses=("graded", "suspicious"),
    ),
    Adversary(
        "wire-describes",
        "says of every name that it is a function of its own",
        first="from minikernel import server\n"
        "server.KernelServer._describe = lambda self, request, _: ({'kinds': {\n"
        "    n: 'function' for n in ['expect_close', 'np', 'print', 'quiet', 'len', 'math',"
        " *request['names']]}}, [])\n",
    ),
)
