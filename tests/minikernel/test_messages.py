"""Requests and replies have their form, or are refused."""

import doctest

import pytest

from minikernel import encoding, fork_server, messages, protocol, server, settings
from minikernel.messages import CallReply, checked
from minikernel.protocol import ProtocolError

OUTPUT = {"output_type": "stream", "name": "stdout", "text": "3"}
REPLY = {
    "id": 3,
    "value": {"l": []},
    "state": None,
    "outputs": [OUTPUT],
    "changed": [[0, 1]],
    "renamed": [["/a", 2]],
    "structure": None,
}
ERROR = {"name": "E", "lineage": ["Exception"], "args": [1, "a"], "text": "", "traceback": ""}


@pytest.mark.parametrize("module", [encoding, fork_server, messages, protocol, server, settings])
def test_the_examples_in_docstrings_hold(module):
    results = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("more", [{}, {"error": ERROR}, {"seconds": 0.1, "other": 1}])
def test_a_reply_of_the_right_form_is_returned(more):
    assert checked(CallReply, REPLY | more) == REPLY | more


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": None},
        {"outputs": ["3"]},
        {"outputs": [OUTPUT | {"text": 3}]},
        {"outputs": [{"output_type": "error", "traceback": "all of it"}]},
        {"changed": [["0", None]]},
        {"changed": [[True, 1]]},
        {"renamed": 3},
        {"error": None},
        {"error": ERROR | {"lineage": [3]}},
        {"error": {"name": "E"}},
    ],
)
def test_a_reply_of_another_form_is_refused(change):
    with pytest.raises(ProtocolError, match=f"CallReply: {next(iter(change))} is not"):
        checked(CallReply, REPLY | change)


def test_a_reply_that_lacks_something_or_is_no_dictionary_is_refused():
    with pytest.raises(ProtocolError, match="value is missing"):
        checked(CallReply, {"id": 3})
    with pytest.raises(ProtocolError, match="not a dictionary"):
        checked(CallReply, [REPLY])
