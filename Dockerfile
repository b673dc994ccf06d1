# syntax=docker/dockerfile:1.7
#
# One image for each process of PayFlow:
#
#   docker build --build-arg SERVICE=services/wallet --tag payflow/wallet:0.1.0 .
#
# SERVICE is a folder of examples/payflow: gateway, services/auth, services/wallet,
# services/transaction, services/notification, worker (also the reversal job), migrations, mail.
#
# Base images are pinned by version. Pin them by digest as well where you build for production
# (`docker buildx imagetools inspect node:24.21.0-bookworm-slim` prints it): the same tag may be
# pushed again with newer system packages.

FROM node:24.21.0-bookworm-slim AS base
# tini is process 1: the kernel ignores a SIGTERM for a process 1 that has no handler for it, which
# is what Node is until our code runs, and the migrations for all of their life.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends tini=0.19.* \
  && apt-get clean \
  && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN npm install --global pnpm@12.21.0
WORKDIR /repo
# Everything the lockfile names, before any of our files: this layer changes with the lockfile only.
COPY pnpm-lock.yaml pnpm-workspace.yaml ./
RUN pnpm fetch
COPY . .
ARG SERVICE
RUN node scripts/image-tree.ts "${SERVICE:?pass --build-arg SERVICE=services/wallet, say}" /image

FROM base
ARG SERVICE
ENV NODE_ENV=production
# Owned by root, run by another: the process cannot change its own program. It writes nothing at
# all, so the container can be run with a read-only root file system.
COPY --from=build /image /app
WORKDIR /app/examples/payflow/${SERVICE}
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--"]
CMD ["node", "--conditions=@payflow/source", "src/main.ts"]
