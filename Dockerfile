# One image for the operator, the webhook and the command line. It has the bundles of `make build` and no node_modules.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY . .
RUN node hack/build.ts && rm build/*.map

FROM node:24.21.0-bookworm-slim
WORKDIR /app
COPY --from=build /src/build/ ./
ENV NODE_ENV=production
# A numeric user, because Kubernetes cannot check runAsNonRoot for a name.
USER 65532:65532
ENTRYPOINT ["node"]
CMD ["rock-mac.js", "--help"]
