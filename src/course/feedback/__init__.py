"""The feedback page of a student, written by nbgrader's GenerateFeedback.

``nbgrader_config.py`` names ``FeedbackPage`` as the exporter, so ``nbgrader generate_feedback``,
formgrader's button and ``course feedback`` all write the same page. ``failures`` and ``wording``
decide what a page may tell about a test; ``leak_check`` searches every finished page for secrets
before it is written. docs/feedback.md describes the page.
"""

from course.feedback.exporter import FeedbackPage
from course.feedback.leak_check import PageRefused

__all__ = ["FeedbackPage", "PageRefused"]
