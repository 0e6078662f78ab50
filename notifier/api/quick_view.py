"""The view of the busiest routes, which first try what their process remembers."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from notifier.api.errors import answer_exception
from notifier.api.limits import charge_caller, write_limit_fields
from notifier.api.views import LeanView
from notifier.authentication import KnownCaller, recall_caller
from notifier.errors import NotifierError


class QuickView(LeanView):
    """A `LeanView` with a second handler for its `quick_methods`, `answer_known`.

    It gets a caller who is not proven, must see to it that whatever it does is the proof, and
    returns an answer, or None to leave the request to the ordinary handler. That one also decides
    after every refusal: what was remembered may be the reason for it, and no longer so.
    """

    quick_methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def dispatch_quickly(self, request: HttpRequest, **kwargs: Any) -> HttpResponse | None:
        """Answer as `dispatch`, or return None where only the ordinary handler can."""
        try:
            response = self._answer_quickly(request, **kwargs)
        except Exception as error:  # noqa: BLE001  # the border, as `dispatch`
            response = answer_exception(error)
        if response is not None:
            write_limit_fields(request, response)
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        quick = self._answer_quickly(request, *args, **kwargs)
        return super()._answer(request, *args, **kwargs) if quick is None else quick

    def _answer_quickly(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        if request.method not in self.quick_methods:
            return None
        try:
            caller = recall_caller(request)
            if caller is None:
                return None
            if self.is_limited:
                charge_caller(request, caller.value)
            if scope := self.scope_for(request.method):
                caller.value.require(scope)
            request.user = caller.value  # type: ignore[assignment]  # as LeanView
            return self.answer_known(request, caller, *args, **kwargs)
        except NotifierError:
            return None

    def answer_known(
        self, request: HttpRequest, caller: KnownCaller, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        raise NotImplementedError
