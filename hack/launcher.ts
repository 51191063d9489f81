/**
 * Returns the shell script that starts a program. It uses the installation's own Node, or else the first Node that is new
 * enough: the user's or the checkout's. The minimum is the same as in `engines` of package.json and in cli/main.ts.
 */
export function launcher(program: string): string {
  return `#!/bin/sh
here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
if [ -x "$here/node" ]; then
  exec "$here/node" "$here/${program}.js" "$@"
fi
for node in node "$here/../node_modules/node/bin/node"; do
  version=$("$node" --version 2>/dev/null) || continue
  version=\${version#v}
  major=\${version%%.*}
  minor=\${version#*.}
  minor=\${minor%%.*}
  if [ "$major" -gt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -ge 19 ]; }; then
    exec "$node" "$here/${program}.js" "$@"
  fi
done
echo 'Error: rock-mac needs Node.js 22.19 or newer. Install it, or run rock-mac from a checkout after "make build".' >&2
exit 1
`;
}
