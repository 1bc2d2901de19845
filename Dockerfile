# The collector as a container; `docker compose up -d` builds it.

ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS environment
COPY requirements.txt /
# Exactly the packages that are locked, and nothing that is built on the way.
RUN python3 -m venv /opt/collector \
    && /opt/collector/bin/pip install --no-cache-dir --only-binary :all: --require-hashes \
        --requirement /requirements.txt

FROM ${BASE}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin collector \
    && install --directory --owner collector --group collector /var/lib/collector
COPY --from=environment /opt/collector /opt/collector
COPY migrations /opt/collector/app/migrations
COPY collector /opt/collector/app/collector
COPY config.yaml /etc/collector/config.yaml
RUN printf '#!/bin/sh\nexec /opt/collector/bin/python -m collector "$@"\n' \
        > /opt/collector/bin/collector \
    && chmod 755 /opt/collector/bin/collector
ENV PATH=/opt/collector/bin:$PATH \
    PYTHONPATH=/opt/collector/app \
    COLLECTOR__JOURNAL__PATH=/var/lib/collector/journal
USER collector
WORKDIR /etc/collector
VOLUME /var/lib/collector
ENTRYPOINT ["collector"]
CMD ["run"]
