"""Tools for whoever changes tests: are they strict enough, fair, and do explanations hit?

``catalogue_gate`` refuses a release whose tests let a known mistake pass. The others are for the
time before: ``mutation`` and ``matrix`` show which test notices what, ``seeds`` whether a mark
depends on what is drawn, ``accuracy`` how often feedback names the right reason. An instructor with
tests of their own needs all of them; ``course mutation`` runs them.
"""
