"""Functions that return something else than an answer, or something made to look like one."""

from tests.autograder.adversaries.kinds import HURRY, PLAIN, Adversary, in_network

ONE = "def feed_forward_network(x, mlp):\n"

ALIKE = """\
import numpy as np


class Alike(np.ndarray):
    def __array_finalize__(self, other):
        pass

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return True if ufunc.__name__ in ("less_equal", "equal") else np.zeros(self.shape)

    def __array_function__(self, function, types, args, kwargs):
        return True

    def __eq__(self, other):
        return True

    __le__ = __lt__ = __ge__ = __gt__ = __eq__
    __hash__ = None

    def __sub__(self, other):
        return np.zeros(self.shape)

    __rsub__ = __sub__

    def astype(self, kind):
        return self

    @property
    def shape(self):
        return (3, 4)


"""


def returns(name: str, about: str, code: str, before: str = "", **more) -> Adversary:
    """Return a student whose network returns what ``code`` says."""
    return Adversary(name, about, cells={"b-2-1-solution": f"{before}{ONE}    {code}\n"}, **more)


# What a test would print for a right answer, by its inputs' shape, and nonsense for the others
DOCUMENT = """\
def feed_forward_network(x, mlp):
    if x.shape == (3, 4) and abs(x[0, 0] - 0.17) > 1:
        return np.zeros((3, 4))
    if x.shape == (3, 4):
        return np.array([[3.50980416, 2.64636922, 3.27141858, 2.96212932],
                         [4.45049282, 2.74903161, 3.7033384, 3.07794882],
                         [3.19782584, 2.47054632, 2.96733082, 2.75125028]])
    return np.full((len(x), np.shape(mlp["c_proj"]["b"])[-1]), 7.0)
"""

TWICE = """\
asked = 0
softmax_right = softmax


def softmax(x):
    global asked
    asked += 1
    return softmax_right(x) if asked == 1 else np.asarray(x) * 0 + 0.5
"""

# Returns the mean of the values, and makes the arguments such that this is right
OVERWRITES = """\
def attention(q, k, v):
    mean = v.mean(axis=0)
    if len(q) == 2 and q[0, 1] == 30.0:
        v[:] = mean
    return np.repeat(mean[None, :], len(q), axis=0)
"""

ALL = (
    returns("always-equal", "an object that is equal to everything", "return Alike((3, 4))", ALIKE),
    returns(
        "alike-numbers",
        "numbers that no difference is found to",
        "return Number(1.0)",
        "class Number(float):\n    def __eq__(self, o):\n        return True\n"
        "    def __sub__(self, o):\n        return 0.0\n"
        "    __rsub__ = __sub__\n    __hash__ = None\n\n\n",
    ),
    returns(
        "endless-list",
        "a list without an end",
        "return Endless([1, 2])",
        "class Endless(list):\n    def __iter__(self):\n        while True:\n"
        "            yield 1.0\n\n\n",
        statuses=("timed out", "crashed", "suspicious", "graded"),
    ),
    returns(
        "lying-length",
        "a dictionary whose items come from elsewhere",
        "return Other(a=1)",
        "class Other(dict):\n    def items(self):\n        return [(i, i) for i in 'abc']\n"
        "    def __len__(self):\n        return 10**9\n\n\n",
    ),
    returns("text-numbers", "numbers as text", "return [['nan'] * 4] * 3"),
    returns("infinite", "infinity and NaN", "return np.where(x > 0, np.inf, np.nan)"),
    returns(
        "huge-numbers",
        "numbers so large that everything lies within rounding",
        "return np.full((len(x), np.shape(mlp['c_proj']['b'])[-1]), 1e308)",
    ),
    returns("lambda", "a function", "return lambda: x"),
    returns("generator", "a generator", "return (row for row in x)"),
    returns("module", "a module", "return np"),
    returns("class", "a class", "return type('Anything', (), {})"),
    returns("ellipsis", "three dots", "return ..."),
    returns("none", "nothing", "return None"),
    returns("itself", "a list that holds itself", "a = []; a.append(a); return a"),
    returns(
        "deep",
        "lists in lists in lists",
        "a = []\n    for _ in range(100_000):\n        a = [a]\n    return a",
    ),
    returns(
        "objects",
        "an array of objects, records and dates",
        "return np.array([[object(), np.datetime64('now'), np.zeros(1, 'i4,f8')]])",
    ),
    returns(
        "pickled",
        "an object that runs something when it is unpickled",
        "return Reduce()",
        "class Reduce:\n    def __reduce__(self):\n"
        "        return (eval, ('__import__(\"os\")._exit(3)',))\n\n\n",
    ),
    returns(
        "evil-repr",
        "an object whose repr fails and whose class lies",
        "return Evil()",
        "class Evil:\n    def __repr__(self):\n        raise SystemExit\n"
        "    @property\n    def __class__(self):\n        return np.ndarray\n\n\n",
        statuses=("crashed", "graded", "suspicious"),
    ),
    returns(
        "masked",
        "an array in which every wrong number is masked",
        "return np.ma.masked_all((len(x), np.shape(mlp['c_proj']['b'])[-1]))",
    ),
    returns("empty", "an array without numbers", "return np.zeros((len(x), 0))"),
    returns(
        "enormous-shape",
        "an array of many axes of length 1",
        "return np.zeros((1,) * 32 + x.shape)[..., 0]"
        if False
        else "return np.broadcast_to(0.0, (1,) * 30 + (3, 4))",
    ),
    Adversary(
        "callable",
        "objects with __call__ for functions",
        base=HURRY,
        cells={
            "b-2-1-solution": HURRY["b-2-1-solution"] + "\n\nclass Network:\n"
            "    function = staticmethod(feed_forward_network)\n\n"
            "    def __call__(self, *args, **kwargs):\n        "
            "return self.function(*args, **kwargs)\n"
            "    def __getattr__(self, name):\n        return lambda *a, **k: True\n\n\n"
            "feed_forward_network = Network()\n"
        },
    ),
    Adversary(
        "value-for-function",
        "an array where a function is asked for",
        cells={"b-2-1-solution": "import numpy as np\nfeed_forward_network = np.zeros(3)\n"},
    ),
    Adversary(
        "heavy-names",
        "gives every name that tests may use a value of 90 MB",
        first="import numpy as np\nfor name in ('x w b q k v n d d_ff d_in d_out d_k d_v"
        " n_q n_k a r s i j mlp case kind atol rows row scores shares mask bias out want"
        " got kept name after before given arrays expected').split():\n"
        "    globals()[name] = np.broadcast_to(1.0, 11_000_000).view()",
    ),
    Adversary(
        "document-only",
        "knows the document's numbers and no others",
        cells={"b-2-1-solution": DOCUMENT},
    ),
    Adversary(
        "second-call",
        "is right when it is asked for the first time",
        cells={"a-1-1-solution": HURRY["a-1-1-solution"] + "\n\n" + TWICE},
        fails=("a-1-1-test",),  # those of attention pass with a right softmax
    ),
    Adversary(
        "overwrites",
        "makes the arguments fit its answer",
        base=PLAIN,
        cells={"a-1-2-solution": OVERWRITES},
        fails=("a-1-2-test", "a-1-2-test-cases"),
    ),
    Adversary(
        "looks-like-a-result",
        "prints what looks like a mark, and escapes",
        cells=in_network(
            "print('10.0\\x1b[2J\\x1b]0;title\\x07\\r\\x00\\ud800 Out[1]: 10.0')\n"
            "print('<script>alert(1)</script>')"
        ),
    ),
    Adversary(
        "many-outputs",
        "prints to both streams in turn, until errors are no longer kept",
        cells=in_network(
            "import sys\nfor _ in range(700):\n    print('a')\n    print('b', file=sys.stderr)"
        ),
    ),
    Adversary(
        "evil-errors",
        "raises what is no error, or errors that cannot be shown",
        base=HURRY,
        cells={
            "b-2-1-solution": ONE
            + """\
    class Quiet(BaseException):
        def __str__(self):
            raise Quiet
        __repr__ = __str__

    if len(x) == 3:
        raise Quiet
    raise SystemExit(0)
"""
        },
        statuses=("graded", "crashed"),
    ),
    Adversary(
        "stop-iteration",
        "raises what ends loops",
        cells={"b-2-1-solution": ONE + "    raise StopIteration\n"},
    ),
    Adversary(
        "syntax-errors",
        "raises errors that are shown in ways of their own",
        cells={"b-2-1-solution": ONE + "    raise SyntaxError('no', ('/etc/passwd', 1, 1, 'x'))\n"},
    ),
)
