"""What of a test's code the student's kernel gets: what anybody can see."""

import ast
from functools import lru_cache

from autograder import regions


@lru_cache(maxsize=1000)  # the same tests are run for every submission
def visible_definitions(source: str) -> str:
    """Return the imports and definitions in the part of a test that the student has, too.

    A student's notebook was tried out where these had been run, and may rely on them.
    """
    try:
        tree = ast.parse(regions.without(source, regions.HIDDEN_TESTS))
    except SyntaxError:
        return ""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, kinds))
