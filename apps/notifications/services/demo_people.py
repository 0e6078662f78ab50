"""The people of the demo: two languages, some with a phone, one who wants no pushes."""

from apps.users.services import NewAccount

# Some of computing's pioneers; addresses that no mail can reach (RFC 2606).
_ENGLISH = (
    ("Ada Lovelace", "Europe/London"),
    ("Alan Turing", "Europe/London"),
    ("Annie Easley", "America/New_York"),
    ("Barbara Liskov", "America/New_York"),
    ("Betty Holberton", "America/New_York"),
    ("Claude Shannon", "America/New_York"),
    ("Dennis Ritchie", "America/New_York"),
    ("Donald Knuth", "America/Los_Angeles"),
    ("Edsger Dijkstra", "Europe/Amsterdam"),
    ("Frances Allen", "America/New_York"),
    ("Hedy Lamarr", "Europe/Vienna"),
    ("Jean Bartik", "America/Chicago"),
    ("Katherine Johnson", "America/New_York"),
    ("Ken Thompson", "America/New_York"),
    ("Margaret Hamilton", "America/New_York"),
    ("Mary Jackson", "America/New_York"),
    ("Niklaus Wirth", "Europe/Zurich"),
    ("Radia Perlman", "America/Los_Angeles"),
)
_PORTUGUESE = (
    ("Grace Hopper", "America/Sao_Paulo"),
    ("Beatriz Nogueira", "America/Sao_Paulo"),
    ("Caio Teixeira", "America/Bahia"),
    ("Helena Prado", "America/Sao_Paulo"),
    ("Rafael Moura", "America/Recife"),
    ("Tereza Campos", "America/Manaus"),
)
_PHONES = {"Ada": "android", "Alan": "ios", "Donald": "ios", "Frances": "android", "Grace": "ios"}


def _describe(name: str, timezone: str, language: str) -> NewAccount:
    first = name.partition(" ")[0]
    return NewAccount(
        email=f"{first.lower()}@example.org",
        name=name,
        language=language,
        timezone=timezone,
        push_token=f"demo-token-of-{first.lower()}s-phone" if first in _PHONES else None,
        platform=_PHONES.get(first, "android"),
    )


PEOPLE = (
    *(_describe(name, timezone, "en") for name, timezone in _ENGLISH),
    *(_describe(name, timezone, "pt-BR") for name, timezone in _PORTUGUESE),
    NewAccount(
        email="linus@example.org",
        name="Linus Torvalds",
        push_enabled=False,
        timezone="Europe/Helsinki",
    ),
)
