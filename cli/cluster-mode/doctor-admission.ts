import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS, DRY_RUN_WARNING } from '../../api/names.ts';
import { pods } from '../../kube/client/core-resources.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { macAllocations, macPools } from '../../kube/client/mac-resources.ts';
import { failure, type Finding, fine, warning } from '../doctor/finding.ts';
import type { Scope } from './scope.ts';

const NOT_ASKED = 'See `kubectl get mutatingwebhookconfiguration zz-rock-mac`, and whether it has rules.';

/** Creates a claim that is never stored. The API server sends it to the webhook before any policy sees it. */
export async function testClaim({ client, namespace }: Scope): Promise<Finding> {
  const pools = (await client.list(macPools)).items.map(({ metadata }) => metadata.name);
  const pool = pools.includes('kubernetes') ? 'kubernetes' : (pools[0] ?? 'kubernetes');
  const metadata = { generateName: 'doctor-', namespace };
  try {
    const claim = await client.create(macAllocations, { metadata, spec: { pool } }, { dryRun: true });
    if (claim.spec.requester !== undefined) return fine('webhook', 'it stamps a new claim (server dry run)');
    return failure('webhook', 'the API server stores a claim that it did not see', NOT_ASKED);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    if (error.message.includes('may not use MacPool')) return fine('webhook', 'the API server reaches it');
    return notTested(error, `Run it with a role that may create MacAllocations in namespace ${namespace}`);
  }
}

/** Creates a pod that is never stored and asks for an address. The webhook answers with a warning, because a dry run gives none. */
export async function testPod({ client, namespace }: Scope): Promise<Finding> {
  const warnings: string[] = [];
  try {
    const onWarning = (text: string) => warnings.push(text);
    await client.create(pods, podIn(namespace), { dryRun: true, onWarning });
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403 || isOfWebhook(error)) throw error;
    return notTested(error, `Run it with a role that may create pods in namespace ${namespace}`);
  }
  if (warnings.includes(DRY_RUN_WARNING))
    return fine('webhook', 'it sees a new pod that asks for an address (server dry run)');
  return failure(
    'webhook',
    `the API server stores a pod of namespace ${namespace} that asks for an address and that it did not see`,
    `It never sees kube-system, its own namespace and the exempt ones: name another with -n. ${NOT_ASKED}`,
  );
}

function isOfWebhook({ message }: KubeError): boolean {
  return message.includes('admission webhook');
}

/** Meets the strictest profile of Pod Security. Its network need not exist. */
function podIn(namespace: string) {
  const securityContext = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    runAsUser: 65_532,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const resources = { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } };
  return {
    metadata: {
      generateName: 'doctor-',
      namespace,
      annotations: { [ANNOTATIONS.inject]: 'true', [NETWORKS_ANNOTATION]: 'rock-mac-doctor' },
    },
    spec: { containers: [{ name: 'none', image: 'rock-mac.invalid/none', securityContext, resources }] },
  };
}

function notTested(error: KubeError, next: string): Finding {
  return warning('webhook', `not tested: ${error.message}`, `${next}, or name another one with -n.`);
}
