"""The ledger as the templates see it: usage of their versions, and messages to try one."""

from collections.abc import Sequence
from uuid import UUID

from apps.notifications.services.accepting import accept_notification
from apps.notifications.services.orders import NotificationOrder
from apps.notifications.services.reading import count_template_usage
from apps.templates.services.ledger import Trial, TrialAnswer, VersionUsage
from notifier.api.bodies import convert_part
from notifier.authentication import Principal


class TemplateLedger:
    """Answers what the templates app asks; see `apps.templates.services.ledger`."""

    def count_usage(self, *, organization_id: UUID, code: str) -> Sequence[VersionUsage]:
        groups = count_template_usage(organization_id=organization_id, code=code)
        return [
            VersionUsage(
                number=group["template_version__number"],
                language=group["template_version__language"],
                sent=group["sent"],
                delivered=group["delivered"],
                failed=group["failed"],
            )
            for group in groups
        ]

    def accept_trial(self, trial: Trial) -> TrialAnswer:
        """Accept it as a person's message to itself, which needs no other right.

        With the content instead of the template: the version may be a draft, and a trial does not
        count as a use of it.
        """
        order = convert_part(
            {
                "notification_type": trial.channel,
                "user_id": str(trial.user_id),
                "content": dict(trial.content),
                "variables": dict(trial.variables),
                "metadata": {"test": True, "template_code": trial.template_code},
                "language": trial.language or None,
            },
            NotificationOrder,
        )
        author = Principal(
            organization_id=trial.organization_id, scopes=frozenset(), user_id=trial.user_id
        )
        accepted = accept_notification(order=order, principal=author, is_trial=True)
        return TrialAnswer(
            notification_id=accepted.notification_id,
            status=accepted.status,
            reason=accepted.reason,
        )
