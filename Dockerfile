# One image for the operator, the webhook and the command line. It has the bundles of `make build`, Node and the libraries that
# Node loads: no shell, no package manager and no node_modules, so nothing else in it can be run or needs security updates.
# The digest is that of the index of all platforms: a tag can be moved.
FROM node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20 AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY . .
RUN node hack/build.ts && rm build/*.map \
  && cp LICENSE build/ && cp node_modules/node/node_modules/node-*/LICENSE build/NODE-LICENSE.txt
# glibc finds libraries in their Debian folders without a cache file. It has the lookups of names and users built in. The licences of
# these libraries come along.
RUN mkdir -p runtime/usr/local/bin && cp -L "$(command -v node)" runtime/usr/local/bin/node \
  && ldd "$(command -v node)" | grep -o '/[^ ]*' | xargs cp -L --parents -t runtime \
  && cp -L --parents /usr/share/doc/libc6/copyright /usr/share/doc/libgcc-s1/copyright /usr/share/doc/libstdc++6/copyright runtime

FROM scratch
COPY --from=build /src/runtime/ /
WORKDIR /app
COPY --from=build /src/build/ ./
ENV NODE_ENV=production
# A numeric user, because Kubernetes cannot check runAsNonRoot for a name.
USER 65532:65532
ENTRYPOINT ["node"]
CMD ["rock-mac.js", "--help"]
