"""The page of feedback that a student gets, written by nbgrader's GenerateFeedback.

``nbgrader_config.py`` names ``FeedbackPage`` as the exporter, so that ``nbgrader
generate_feedback``, formgrader's button and ``course feedback`` write the same page. What it may
show of a test is decided in ``failures`` and ``words``; ``gate`` looks at every page once more
before it is written. docs/feedback.md says what is on it.
"""

from course.feedback.exporter import FeedbackPage
from course.feedback.leak_check import PageRefused

__all__ = ["FeedbackPage", "PageRefused"]
