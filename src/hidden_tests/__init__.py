"""What hidden tests check against: right implementations, and inputs that show what is wrong.

A module per assignment, imported in the hidden regions of its test cells:

    ### BEGIN HIDDEN TESTS
    from hidden_tests import assignment5 as hidden
    ...
    ### END HIDDEN TESTS

Tests run in a kernel of their own, outside the sandbox, so students never see this package: it is
in no release and no zip of theirs, and it cannot be imported in their kernel.
"""
