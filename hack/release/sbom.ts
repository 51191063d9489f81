import { z } from 'zod';
import { type Platform, PLATFORMS } from './platforms.ts';
import { librariesOf } from './postgres-libraries.ts';
import { runtimesOf } from './runtimes.ts';

/** CycloneDX as `npm sbom` writes it: what this file does not change stays as it is. */
const sbomSchema = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string() }) }),
  components: z.array(z.looseObject({ 'bom-ref': z.string(), name: z.string(), version: z.string() })),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

/** What an SBOM is about. */
export interface Released {
  /** `name@version` of every package whose code is in a bundle. */
  readonly bundled: ReadonlySet<string>;
  /** The time of the commit, in ISO 8601. */
  readonly time: string;
}

/**
 * Returns the SBOM of a release: of all packages that npm lists, those whose code is in a bundle, and Node, Postgres and
 * the libraries of Postgres on each platform. The same commit gives the same text, so it has neither a random serial number nor the time of its making.
 */
export function releaseSbom(npmSbom: unknown, { bundled, time }: Released): unknown {
  const { serialNumber: _, metadata, components, dependencies, ...rest } = sbomSchema.parse(npmSbom);
  const { tools: __, ...about } = metadata;
  const product = metadata.component['bom-ref'];
  const kept = components.filter(({ name, version }) => bundled.has(`${name}@${version}`));
  const missing = [...bundled].filter((each) => !kept.some(({ name, version }) => `${name}@${version}` === each));
  if (missing.length > 0) throw new Error(`npm lists no package ${missing.join(', ')}, whose code is in a bundle.`);
  const runtimes = PLATFORMS.flatMap((platform) => [...runtimeComponents(platform), ...libraryComponents(platform)]);
  const all = [...kept.map((component) => ({ ...component, scope: 'required' })), ...runtimes];
  const refs = new Set(all.map((component) => component['bom-ref']));
  return {
    ...rest,
    metadata: {
      ...about,
      timestamp: time,
      component: { ...metadata.component, type: 'application', name: 'rock-mac' },
    },
    components: all,
    dependencies: [
      { ref: product, dependsOn: [...refs] },
      ...dependencies
        .filter(({ ref }) => refs.has(ref))
        .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => refs.has(ref)) })),
    ],
  };
}

function runtimeComponents(platform: Platform) {
  return runtimesOf(platform).map(({ name, version, licence, cpe, origin }) => ({
    'bom-ref': `${origin.name}@${origin.version}`,
    type: 'application',
    name,
    version,
    scope: 'required',
    cpe,
    purl: `pkg:npm/${origin.name.replace('@', '%40')}@${origin.version}`,
    properties: [{ name: 'rock-mac:archive', value: `${platform.os}_${platform.arch}` }],
    hashes: [
      { alg: 'SHA-512', content: Buffer.from(origin.integrity.slice('sha512-'.length), 'base64').toString('hex') },
    ],
    licenses: [{ license: { id: licence } }],
  }));
}

function libraryComponents(platform: Platform) {
  return librariesOf(platform).map(({ name, version, licence, cpe, source }) => ({
    'bom-ref': `${platform.postgres.name}@${platform.postgres.version}#${name}`,
    type: 'library',
    name,
    ...(version !== undefined && { version }),
    scope: 'required',
    ...(cpe !== undefined && { cpe: `cpe:2.3:a:${cpe}:${version ?? '*'}:*:*:*:*:*:*:*` }),
    properties: [{ name: 'rock-mac:archive', value: `${platform.os}_${platform.arch}` }],
    externalReferences: [{ type: 'website', url: source }],
    licenses: [{ license: licence.startsWith('LicenseRef') ? { name: 'public domain' } : { id: licence } }],
  }));
}
