"""Wrong code that tries to get full marks by getting at the tests, at what checks them, or at what
keeps their outputs.
"""

from tests.autograder.adversaries.kinds import HURRY, Adversary, in_network, in_softmax

NETWORK = HURRY["b-2-1-solution"]

ALL = (
    Adversary(
        "displayhook",
        "shows points as the result of the cell that calls it",
        forges=True,
        cells=in_network("import sys\nsys.displayhook(3.0)"),
    ),
    Adversary(
        "displayhook-above",
        "shows more points than there are",
        cells=in_network("import sys\nsys.displayhook(10.0)"),
    ),
    Adversary(
        "forged-result",
        "puts an execute_result among the outputs",
        forges=True,
        cells=in_network(
            'get_ipython().recorder.rich({"output_type": "execute_result", "execution_count": 1,'
            ' "metadata": {}, "data": {"text/plain": "3"}})'
        ),
    ),
    Adversary(
        "forgetful-recorder",
        "drops every error that is shown",
        forges=True,
        first="shell = get_ipython()\n"
        "type(shell)._showtraceback = lambda *_: None\n"
        "shell.showtraceback = lambda *a, **k: None",
    ),
    Adversary(
        "ten-at-the-end",
        "replaces the outputs of a cell",
        forges=True,
        first="shell = get_ipython()\n"
        "type(shell).recorded = lambda self: [{'output_type': 'stream', 'name': 'stdout',"
        " 'text': 'all right'}]",
    ),
    Adversary(
        "patched-checks",
        "replaces what compares",
        forges=True,
        first="from seqlab import checks\n"
        "for name in dir(checks):\n"
        "    if name.startswith('expect_'):\n"
        "        setattr(checks, name, lambda *a, **k: None)",
    ),
    Adversary(
        "patched-code",
        "replaces the code of what compares, not its name",
        forges=True,
        first="from seqlab import checks\n"
        "for name in dir(checks):\n"
        "    if name.startswith('expect_'):\n"
        "        getattr(checks, name).__code__ = (lambda *a, **k: None).__code__",
    ),
    Adversary(
        "patched-numpy",
        "makes every difference 0",
        forges=True,
        first="import numpy\n"
        "numpy.abs = lambda x: numpy.zeros(numpy.shape(x))\n"
        "numpy.array_equal = numpy.allclose = lambda *a, **k: True\n"
        "numpy.testing.assert_allclose = numpy.testing.assert_array_equal = lambda *a, **k: None",
    ),
    Adversary(
        "patched-builtins",
        "abs, all, any and max say what suits",
        forges=True,
        first="import builtins\n"
        "builtins.abs = lambda x: 0.0\n"
        "builtins.all = lambda x: True\n"
        "builtins.any = lambda x: False\n"
        "class Calm(Exception):\n"
        "    pass\n"
        "def nothing(*args):\n"
        "    import bdb\n"
        "    return bdb.BdbQuit()\n"
        "builtins.AssertionError = nothing\n"
        "from seqlab import checks\n"
        "checks.CheckFailed = nothing",
    ),
    Adversary(
        "patched-print",
        "every print is a mark",
        forges=True,
        first="import builtins, sys\n"
        "class Points:\n"
        "    def __repr__(self):\n"
        "        return '3.0'\n"
        "def show(*args, **kwargs):\n"
        "    sys.displayhook(Points())\n"
        "builtins.print = show\n"
        "from seqlab import checks\n"
        "checks.expect_close = lambda *a, **k: show()",
    ),
    Adversary(
        "input-transformer",
        "blanks what checks before it is run",
        forges=True,
        first="import re\n"
        "def blank(lines):\n"
        "    return [re.sub(r'(checks\\.)?expect_\\w+\\(', '(lambda *a, **k: None)(', line)"
        " if 'import' not in line else line for line in lines]\n"
        "get_ipython().input_transformers_post.append(blank)",
    ),
    Adversary(
        "ast-transformer",
        "removes calls of what checks from the tree",
        forges=True,
        first="import ast\n"
        "class Blank(ast.NodeTransformer):\n"
        "    def visit_Call(self, node):\n"
        "        if getattr(node.func, 'id', '').startswith('expect_'):\n"
        "            return ast.copy_location(ast.Constant(None), node)\n"
        "        return self.generic_visit(node)\n"
        "get_ipython().ast_transformers.append(Blank())",
    ),
    Adversary(
        "cell-hook",
        "replaces tests in an event before they are run",
        forges=True,
        first="shell = get_ipython()\n"
        "run = shell.run_cell\n"
        "def other(source, *a, **k):\n"
        "    return run('1 + 1;' if 'expect_' in source else source, *a, **k)\n"
        "shell.run_cell = other",
    ),
    Adversary(
        "reads-the-test",
        "computes as the hidden test does, whose source it has",
        forges=True,
        cells=in_network(
            "source = get_ipython().user_ns['In'][-1]\n"
            "hidden = source.partition('BEGIN HIDDEN' + ' TESTS')[2].partition('\\nrng')[0]\n"
            "scope = {'np': np}\n"
            "exec(hidden.partition('\\n')[2], scope)\n"
            "return scope['reference_feed_forward'](x, mlp)"
        ),
    ),
    Adversary(
        "caller",
        "takes the expected values from the frame that calls",
        cells=in_network(
            "import sys\n"
            "frame = sys._getframe()\n"
            "while frame:\n"
            "    if 'expected' in frame.f_globals or 'secret' in frame.f_globals:\n"
            "        print(frame.f_globals.get('secret'))\n"
            "        return frame.f_globals.get('expected')\n"
            "    frame = frame.f_back"
        ),
    ),
    Adversary(
        "history",
        "looks for tests in everything that IPython keeps",
        cells=in_softmax(
            "ns = get_ipython().user_ns\n"
            "kept = [*ns['In'], *ns['_ih'], *map(str, ns['Out'].values())]\n"
            "kept += [text for *_, text in get_ipython().history_manager.get_range()]\n"
            "print('looked', [text for text in kept if 'HIDDEN' + ' TESTS' in text"
            " or 'canary' + '-' in text])"
        ),
    ),
    Adversary(
        "tracer",
        "is told of every call, and looks at what it is called with",
        first="import sys, threading\n"
        "seen = []\n"
        "def look(frame, event, arg):\n"
        "    if 'want' in frame.f_locals or 'expected' in frame.f_locals:\n"
        "        seen.append(str(frame.f_locals)[:200])\n"
        "sys.setprofile(look)\n"
        "sys.settrace(look)\n"
        "threading.setprofile(look)",
        cells=in_softmax("print('looked', seen)"),
    ),
    Adversary(
        "garbage",
        "looks through all objects for tests and expected values",
        cells=in_softmax(
            "import gc, re\n"
            "if 'once' in globals():\n    return honest_softmax(x)\n"
            "globals()['once'] = True\n"
            "gc.unfreeze()\n"
            "texts = [o for o in gc.get_objects() if isinstance(o, (str, bytes))]\n"
            "for o in gc.get_objects():\n"
            "    if isinstance(o, (dict, list, tuple)) and len(o) < 5000:\n"
            "        values = o.values() if isinstance(o, dict) else o\n"
            "        texts += [v for v in list(values) if isinstance(v, str)]\n"
            "print('looked', {m for t in texts if isinstance(t, str)"
            " for m in re.findall('canary' + '-[0-9a-f]{16}', t)})"
        ),
        says="looked",
    ),
    Adversary(
        "no-tests",
        "deletes its functions and what it knows, after use",
        first="import numpy as np",
        cells={
            "b-2-1-solution": NETWORK + "\n\nexpect_close = expect_shape = quiet = None\n"
            "expected = reference_feed_forward = rng = None\n"
            "def reference_feed_forward(x, mlp):\n    return feed_forward_network(x, mlp)\n"
            "math = __name__ = None\n"
        },
    ),
    Adversary(
        "own-reference",
        "gives names that the tests define and use values of its own",
        first="def expect_close(*a, **k):\n    pass\n\n\n"
        "def reference_feed_forward(x, mlp):\n    return x\n\n\n"
        "class sum:\n    pass\n\n\n"
        "case = arrays = kept = given = after = before = n = d = x = mlp = 0\n"
        "np_ = zip = enumerate = max = None",
        cells={"a-1-1-solution": HURRY["a-1-1-solution"].replace("np.", "__import__('numpy').")},
    ),
    Adversary(
        "seeds",
        "makes what tests draw at random predictable",
        cells=in_softmax(
            "import random\n"
            "np.random.seed(0)\n"
            "random.seed(0)\n"
            "np.random.RandomState = np.random.default_rng = lambda *a: None"
        ),
    ),
)
