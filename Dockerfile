# One image for every role. The default command is the web; compose.yaml has the others.

# --- builder: the environment and the static files; nothing of this stage's tools is kept --------
FROM python:3.13-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# Without pip: what runs in production installs nothing.
RUN python -m venv --without-pip /opt/venv
COPY requirements/base.txt requirements/base.txt
# Wheels alone, so that no compiler is needed here either.
RUN pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: \
    -r requirements/base.txt
COPY manage.py ./
COPY notifier notifier
COPY apps apps
COPY config config
# The secrets exist for this one command; the root filesystem may be read-only at run time, so
# bytecode is made here.
RUN NOTIFIER_ENV=production \
    SECRET_KEY=for-collectstatic-alone-never-at-run-time \
    JWT_SIGNING_KEY=for-collectstatic-alone-never-at-run-time \
    FIELD_ENCRYPTION_KEYS=for-collectstatic-alone-never-at-run-time \
    /opt/venv/bin/python manage.py collectstatic --noinput \
    && rm -r requirements \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash .

# --- runtime -------------------------------------------------------------------------------------
FROM python:3.13-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Notifier" \
      org.opencontainers.image.description="Self-hosted transactional e-mail and push" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# NOTIFIER_VAR_DIR: in production nothing that matters is kept there.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    NOTIFIER_VAR_DIR=/tmp
RUN groupadd --gid 10001 notifier \
    && useradd --no-log-init --uid 10001 --gid 10001 --no-create-home --home-dir /tmp notifier
WORKDIR /app
# Owned by root: the process cannot change its own code.
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
# By number, so that a cluster can see that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# For the web; every other role sets its own or none. http.client, because urllib would ask a proxy.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/live'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "8", "--respawn-failed-workers", "--no-ws", \
     "config.wsgi:application"]
