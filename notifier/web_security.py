"""What browsers are told about every answer."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

# An answer of the API is no page: nothing in it may load, run or be framed anything.
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
# Swagger UI brings its icons as data.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# As strict as the admin's theme permits: Alpine, which it is built on, compiles the expressions in
# its attributes ('unsafe-eval'), and its pages have style attributes. Scripts inside a page do not
# run, which is what a stored <script> would need. Previews of mails show remote images.
ADMIN_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' https: data:; font-src 'self'; connect-src 'self'; frame-src 'self';"
    " manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ADMIN: Final = "/admin/"
PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"

View = Callable[[HttpRequest], HttpResponse]


class PolicyMiddleware:
    """Gives every answer a Content-Security-Policy; a view that needs another sets its own."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = ADMIN_POLICY if request.path.startswith(ADMIN) else API_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
