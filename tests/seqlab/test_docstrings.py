"""The examples in seqlab's docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import seqlab

MODULES = [
    module.name
    for module in pkgutil.iter_modules(seqlab.__path__, "seqlab.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name):
    tested = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tested.failed == 0
