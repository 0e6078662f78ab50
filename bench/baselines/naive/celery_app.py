"""The Celery app of the straightforward app: what its manual's first page says."""

import os

from celery import Celery

app = Celery("naive", broker=os.environ.get("BROKER_URL"))
app.autodiscover_tasks(["bench.baselines.naive"])
