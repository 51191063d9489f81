import { readFileSync } from 'node:fs';
import { GROUP } from '../api/names.ts';
import { type GeneratedFile, yamlFile } from './generated-file.ts';

const KINDS = ['MacAllocation', 'MacPool'] as const;

/**
 * Returns the patch for the ConfigMap argocd-cm with the health checks of our kinds. The keys are those that Argo CD reads:
 * https://argo-cd.readthedocs.io/en/release-3.5/operator-manual/health/
 */
export function argoCdPatch(): GeneratedFile {
  const scripts = KINDS.map((kind): [string, string] => [
    `resource.customizations.health.${GROUP}_${kind}`,
    healthCheck(kind),
  ]);
  return yamlFile('deploy/argo-cd/argocd-cm-patch.yaml', { data: Object.fromEntries(scripts) });
}

/** Returns the Lua script with which Argo CD finds out the health of an object. */
export function healthCheck(kind: (typeof KINDS)[number]): string {
  return readFileSync(new URL(`../deploy/argo-cd/${kind.toLowerCase()}.lua`, import.meta.url), 'utf8');
}
