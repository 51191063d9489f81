import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** The versions that hack/control-plane/go.mod pins, with the leading `v` of release tags. */
export interface ComponentVersions {
  readonly kubernetes: string;
  readonly etcd: string;
  /** The minimum Go version for a build, such as `1.26.0`. */
  readonly go: string;
}

/** Reads the versions from the module that builds the programs, their only source. */
export async function readComponentVersions(moduleFolder: string): Promise<ComponentVersions> {
  const file = path.join(moduleFolder, 'go.mod');
  return componentVersions(await readFile(file, 'utf8'), file);
}

/** Parses the text of a go.mod like {@link readComponentVersions}. Errors name `file`. */
export function componentVersions(goMod: string, file: string): ComponentVersions {
  const go = /^go (\S+)/m.exec(goMod)?.[1];
  if (go === undefined) throw new Error(`${file} has no version of Go.`);
  return {
    kubernetes: pinnedVersion(goMod, 'k8s.io/kubernetes', file),
    etcd: pinnedVersion(goMod, 'go.etcd.io/etcd/server/v3', file),
    go,
  };
}

/** Returns the version of a module that the text of a go.mod requires. Errors name `file`. */
export function pinnedVersion(goMod: string, module: string, file: string): string {
  const pattern = new RegExp(`^\\s*(?:require )?${module.replaceAll('.', '\\.')} (v\\S+)`, 'm');
  const version = pattern.exec(goMod)?.[1];
  if (version === undefined) throw new Error(`${file} has no version of ${module}.`);
  return version;
}
