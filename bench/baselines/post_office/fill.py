"""Queues mails in django-post_office: `python -m bench.baselines.post_office.fill NUMBER`."""

import sys

import django
from django.template import Context, Template

from bench import content

CUSTOMER = "customer@example.org"


def main(count: int) -> None:
    """Store rendered mails, as `mail.send` does without its `render_on_delivery`."""
    from post_office import mail  # Django is set up by now

    templates = [Template(text) for text in (content.SUBJECT, content.TEXT, content.HTML)]
    rendered = []
    for number in range(count):
        context = Context(content.build_variables(f"office-{number}"))
        subject, text, html = (template.render(context) for template in templates)
        whole = {"subject": subject, "message": text, "html_message": html}
        rendered.append({"sender": content.SENDER, "recipients": [CUSTOMER], **whole})
    mail.send_many(rendered)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
