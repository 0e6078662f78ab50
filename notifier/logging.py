"""Structured logs: one JSON object (or one readable line) per event, with the correlation id."""

import logging
from collections.abc import Mapping
from typing import Any

import structlog

from notifier.addresses import mask_addresses

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
# Without local variables: they hold addresses, tokens and passwords.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


_CHATTY = ("amqp", "asyncio", "celery", "django", "kombu", "urllib3")


def logging_settings(*, log_format: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: our own records and the libraries' come out in one shape."""
    _configure_structlog(level)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": _renderers(log_format),
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Every 4xx as a warning would drown what matters; the envelope tells the client.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # Two lines for every task would say nothing that the timeline does not.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            # At DEBUG our own lines tell each notification's way; theirs would bury them.
            **{name: {"level": least_of(level, "INFO")} for name in _CHATTY},
            # `notifier.tracing_export` says once that the collector is away; they, at every try.
            "opentelemetry": {"level": "CRITICAL"},
        },
    }


def least_of(level: str, floor: str) -> str:
    """Return the level, but not below `floor`."""
    numbers = logging.getLevelNamesMapping()
    return level if numbers[level] >= numbers[floor] else floor


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    drop: structlog.typing.Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [drop, _TRACEBACKS, _mask_values, structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    return [drop, console, _mask_line]


def _mask_values(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Mask before JSON is written: its escapes would be taken for parts of an address."""
    return {name: _mask_strings(value) for name, value in event.items()}


def _mask_strings(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _mask_strings(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask_strings(each) for each in value]
    is_plain = value is None or isinstance(value, bool | int | float)
    return value if is_plain else mask_addresses(str(value))


def _mask_line(_logger: Any, _method: str, line: Any) -> str:
    """Mask addresses in what libraries and errors say: nothing of ours puts one into a log."""
    return mask_addresses(str(line))


def _configure_structlog(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Below the level its methods do nothing: a line that nobody wants costs next to nothing.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
