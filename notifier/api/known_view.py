"""The view of routes that are read all the time: one statement proves what a process remembers."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from notifier.api.envelope import answer
from notifier.api.quick_view import QuickView
from notifier.authentication import KnownCaller, Principal
from notifier.facts import Known, forget_untrue


class KnownView(QuickView):
    """A `QuickView` that first tries to answer GET with what is remembered: `recall`.

    Nothing that is remembered leaves before one statement has found that it and the caller are
    still so. Everything else, every refusal too, is left to the ordinary handler.
    """

    quick_methods = frozenset({"GET", "HEAD"})

    def answer_known(
        self, request: HttpRequest, caller: KnownCaller, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        known = self.recall(caller.value, **kwargs)
        if known is None or forget_untrue([caller, known]):
            return None
        return answer(self.describe(known.value))

    def recall(self, caller: Principal, **kwargs: Any) -> Known[Any] | None:
        """Return what this caller asks for, not proven yet; refuse, or None where it is not known.

        Whatever it raises, the ordinary handler says.
        """
        raise NotImplementedError

    def describe(self, value: Any) -> Any:
        """Return the answer's data."""
        raise NotImplementedError
