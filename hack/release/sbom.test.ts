import { expect, test } from 'vitest';
import { z } from 'zod';
import { PLATFORMS } from './platforms.ts';
import { librariesOf } from './postgres-libraries.ts';
import { releaseSbom } from './sbom.ts';

const NPM = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  serialNumber: 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79',
  metadata: {
    timestamp: '2030-01-01T00:00:00Z',
    tools: [{ vendor: 'npm', name: 'cli', version: '11.0.0' }],
    component: { 'bom-ref': 'rock-mac@0.2.0', type: 'library', name: 'checkout', version: '0.2.0' },
  },
  components: ['pg@8.0.0', 'pg-types@2.0.0', 'eslint@10.0.0'].map((ref) => {
    const [name, version] = ref.split('@');
    return { 'bom-ref': ref, name, version, scope: 'optional' };
  }),
  dependencies: [
    { ref: 'rock-mac@0.2.0', dependsOn: ['eslint@10.0.0'] },
    { ref: 'pg@8.0.0', dependsOn: ['pg-types@2.0.0', 'eslint@10.0.0'] },
    { ref: 'eslint@10.0.0', dependsOn: [] },
  ],
};
const schema = z.looseObject({
  metadata: z.looseObject({ timestamp: z.string(), component: z.looseObject({ name: z.string() }) }),
  components: z.array(z.looseObject({ 'bom-ref': z.string(), name: z.string(), cpe: z.string().optional() })),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
const sbom = (...bundled: string[]) =>
  schema.parse(releaseSbom(NPM, { bundled: new Set(bundled), time: '2026-12-01T00:00:00Z' }));

test('the SBOM has the bundled packages, and Node, Postgres and its libraries of every platform', () => {
  const names = sbom('pg@8.0.0', 'pg-types@2.0.0').components.map(({ name }) => name);
  const programs = PLATFORMS.flatMap((each) => ['Node.js', 'PostgreSQL', ...librariesOf(each).map(({ name }) => name)]);
  expect(names).toEqual(['pg', 'pg-types', ...programs]);
});

test('Node, Postgres and its libraries have the names by which scanners look for vulnerabilities', () => {
  const [node, postgres, openssl] = sbom().components;
  expect(node?.cpe).toMatch(/^cpe:2\.3:a:nodejs:node\.js:\d+\.\d+\.\d+:/);
  expect(postgres?.cpe).toMatch(/^cpe:2\.3:a:postgresql:postgresql:\d+\.\d+:/);
  expect(openssl?.cpe).toMatch(/^cpe:2\.3:a:openssl:openssl:\d+\.\d+\.\d+:/);
});

test('every dependency of the SBOM is one of its components', () => {
  const { components, dependencies } = sbom('pg@8.0.0', 'pg-types@2.0.0');
  const refs = components.map((component) => component['bom-ref']);
  expect(dependencies[0]).toEqual({ ref: 'rock-mac@0.2.0', dependsOn: refs });
  expect(dependencies.slice(1)).toEqual([{ ref: 'pg@8.0.0', dependsOn: ['pg-types@2.0.0'] }]);
});

test('no two components have the same reference', () => {
  const refs = sbom('pg@8.0.0').components.map((component) => component['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
});

test('the same commit gives the same text, on every machine', () => {
  const { metadata, ...rest } = sbom('pg@8.0.0');
  expect(metadata).toMatchObject({ timestamp: '2026-12-01T00:00:00Z', component: { name: 'rock-mac' } });
  expect({ ...metadata, ...rest }).not.toMatchObject({ tools: expect.anything() as unknown });
  expect(rest).not.toHaveProperty('serialNumber');
});

test('a bundled package that npm does not list is an error', () => {
  expect(() => sbom('left-pad@1.0.0')).toThrow('left-pad@1.0.0');
});
