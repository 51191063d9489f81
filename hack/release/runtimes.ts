import type { PinnedPackage, Platform } from './platforms.ts';

/** A program of others that an archive contains beside the bundles. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly licence: string;
  readonly licenceUrl: string;
  /** The name by which databases of vulnerabilities know it. */
  readonly cpe: string;
  /** Where it came from. */
  readonly origin: PinnedPackage;
}

/** Returns Node and Postgres of a platform's archive. */
export function runtimesOf({ node, postgres }: Platform): readonly [node: Runtime, postgres: Runtime] {
  // The packages with Postgres count their own builds behind its version: 18.4.0-beta.17 has PostgreSQL 18.4.
  const version = postgres.version.split('.').slice(0, 2).join('.');
  return [
    {
      name: 'Node.js',
      version: node.version,
      licence: 'MIT',
      licenceUrl: 'https://github.com/nodejs/node/blob/main/LICENSE',
      cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`,
      origin: node,
    },
    {
      name: 'PostgreSQL',
      version,
      licence: 'PostgreSQL',
      licenceUrl: 'https://www.postgresql.org/about/licence/',
      cpe: `cpe:2.3:a:postgresql:postgresql:${version}:*:*:*:*:*:*:*`,
      origin: postgres,
    },
  ];
}

/** Returns a page for people: what an archive contains of others, and under which licences. */
export function runtimesText(contained: readonly Runtime[]): string {
  const lines = contained.map(
    ({ name, version, licence, licenceUrl, origin }) =>
      `${name} ${version} (${licence}), from the npm package ${origin.name} ${origin.version}\n  ${licenceUrl}`,
  );
  return `This archive contains programs of others, with the libraries that they load:\n\n${lines.join('\n')}\n\nNODE-LICENSE.txt and, with Postgres, POSTGRES-LICENSES.txt have their licences. THIRD-PARTY-LICENSES.txt has those of the code in rock-mac itself.\n`;
}
