"""What wires everything together: settings, URLs, the Celery app, WSGI. Imported by nothing."""
