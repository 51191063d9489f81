import { parse, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import type { Change } from './changelog.ts';

/** What a chart says about its release. */
export interface ChartRelease {
  readonly version: string;
  /** The address of the repository, such as https://github.com/rock-os/rock-mac. */
  readonly source: string;
  /** The image without a tag, such as ghcr.io/rock-os/rock-mac. */
  readonly image: string;
  readonly changes: readonly Change[];
  readonly crds: readonly unknown[];
  /** An example of each kind, as YAML. */
  readonly examples: readonly string[];
}

/** Returns Chart.yaml of a release: the one of the checkout with its addresses, and with what Artifact Hub shows. */
export function releasedChart(chartYaml: string, release: ChartRelease): string {
  const document = parseDocument(chartYaml);
  document.set('home', release.source);
  document.set('sources', [release.source]);
  document.set('annotations', annotations(release));
  return document.toString({ lineWidth: 0 });
}

/** Returns values.yaml of a release: it names the released image, and alerts link to the page of this version. */
export function releasedValues(valuesYaml: string, { version, source, image }: ChartRelease): string {
  const [registry = '', ...repository] = image.split('/');
  const document = parseDocument(valuesYaml);
  document.setIn(['image', 'registry'], registry);
  document.setIn(['image', 'repository'], repository.join('/'));
  document.setIn(['monitoring', 'rules', 'runbookUrl'], `${source}/blob/v${version}/docs/alerts.md`);
  return document.toString({ lineWidth: 0 });
}

/** All values are texts; those with a structure are YAML (artifacthub.io/docs/topics/annotations/helm). */
function annotations({ version, source, image, changes, crds, examples }: ChartRelease): Record<string, string> {
  const page = (name: string): string => `${source}/blob/v${version}/${name}`;
  const platforms = ['linux/amd64', 'linux/arm64'];
  return {
    'artifacthub.io/category': 'networking',
    'artifacthub.io/operator': 'true',
    'artifacthub.io/operatorCapabilities': 'Full Lifecycle',
    // SPDX has no short name for this licence. Annex D of SPDX 2.3 names such licences so.
    'artifacthub.io/license': 'LicenseRef-ROCK-OS',
    'artifacthub.io/prerelease': String(version.includes('-')),
    'artifacthub.io/containsSecurityUpdates': String(changes.some(({ kind }) => kind === 'security')),
    'artifacthub.io/changes': stringify(changes),
    'artifacthub.io/images': stringify([{ name: 'rock-mac', image: `${image}:${version}`, platforms }]),
    'artifacthub.io/crds': stringify(crds.map(crdEntry)),
    'artifacthub.io/crdsExamples': stringify(examples.map((text): unknown => parse(text))),
    'artifacthub.io/links': stringify([
      { name: 'Install', url: page('docs/install.md') },
      { name: 'Changelog', url: page('CHANGELOG.md') },
      { name: 'Security', url: page('SECURITY.md') },
    ]),
  };
}

const crdSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    names: z.object({ kind: z.string() }),
    versions: z.tuple([
      z.object({
        name: z.string(),
        schema: z.object({ openAPIV3Schema: z.object({ description: z.string() }) }),
      }),
    ]),
  }),
});

function crdEntry(crd: unknown): Record<string, string> {
  const { metadata, spec } = crdSchema.parse(crd);
  const [version] = spec.versions;
  return {
    kind: spec.names.kind,
    version: version.name,
    name: metadata.name,
    displayName: spec.names.kind,
    description: version.schema.openAPIV3Schema.description,
  };
}
