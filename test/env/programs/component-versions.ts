import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** What hack/control-plane/go.mod pins. With the leading `v`, as releases are tagged. */
export interface ComponentVersions {
  readonly kubernetes: string;
  readonly etcd: string;
  /** The Go release that a build needs at least, such as `1.26.0`. */
  readonly go: string;
}

/** Reads the versions from the module that builds the programs, so that they are written down once. */
export async function readComponentVersions(moduleFolder: string): Promise<ComponentVersions> {
  const file = path.join(moduleFolder, 'go.mod');
  return componentVersions(await readFile(file, 'utf8'), file);
}

/** As {@link readComponentVersions}, from the text of a go.mod; `file` is named in errors. */
export function componentVersions(goMod: string, file: string): ComponentVersions {
  const find = (what: string, pattern: RegExp) => {
    const version = pattern.exec(goMod)?.[1];
    if (version === undefined) throw new Error(`${file} names no version of ${what}.`);
    return version;
  };
  return {
    kubernetes: find('k8s.io/kubernetes', /^\s*(?:require )?k8s\.io\/kubernetes (v\S+)/m),
    etcd: find('go.etcd.io/etcd/server/v3', /^\s*(?:require )?go\.etcd\.io\/etcd\/server\/v3 (v\S+)/m),
    go: find('Go', /^go (\S+)/m),
  };
}
