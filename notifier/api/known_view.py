"""The view of routes that are read all the time: one statement proves what a process remembers."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from notifier.api.envelope import answer
from notifier.api.errors import answer_exception
from notifier.api.limits import charge_caller, write_limit_fields
from notifier.api.views import LeanView
from notifier.authentication import Principal, recall_caller
from notifier.errors import NotifierError
from notifier.facts import Known, forget_untrue


class KnownView(LeanView):
    """A `LeanView` that first tries to answer GET with what is remembered: `recall`.

    Nothing that is remembered leaves before one statement has found that it and the caller are
    still so. Everything else, every refusal too, is left to the ordinary handler.
    """

    def dispatch_quickly(self, request: HttpRequest, **kwargs: Any) -> HttpResponse | None:
        """Answer as `dispatch`, or return None where only the ordinary handler can."""
        try:
            response = self._answer_from_memory(request, **kwargs)
        except Exception as error:  # noqa: BLE001  # the border, as `dispatch`
            response = answer_exception(error)
        if response is not None:
            write_limit_fields(request, response)
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        known = self._answer_from_memory(request, **kwargs)
        return super()._answer(request, *args, **kwargs) if known is None else known

    def _answer_from_memory(self, request: HttpRequest, **kwargs: Any) -> HttpResponse | None:
        if request.method not in ("GET", "HEAD"):
            return None
        try:
            caller = recall_caller(request)
            if caller is None:
                return None
            if self.is_limited:
                charge_caller(request, caller.value)
            if scope := self.scope_for(request.method):
                caller.value.require(scope)
            known = self.recall(caller.value, **kwargs)
        except NotifierError:
            return None
        if known is None or forget_untrue([caller, known]):
            return None
        request.user = caller.value  # type: ignore[assignment]  # as LeanView
        return answer(self.describe(known.value))

    def recall(self, caller: Principal, **kwargs: Any) -> Known[Any] | None:
        """Return what this caller asks for, not proven yet; refuse, or None where it is not known.

        Whatever it raises, the ordinary handler says.
        """
        raise NotImplementedError

    def describe(self, value: Any) -> Any:
        """Return the answer's data."""
        raise NotImplementedError
