import { z } from 'zod';
import { isForbidden } from '../../kube/client/errors.ts';
import { explainError } from '../errors.ts';
import type { ServerVersions } from '../server-versions.ts';
import { componentPods } from './doctor-resources.ts';
import { explainKubeError } from './explain-kube-error.ts';
import { type LedgerReader, LEDGERS, ReadApiUnavailable } from './ledger-reader.ts';
import type { Scope } from './scope.ts';

const serverVersion = z.object({ gitVersion: z.string() });

/** Returns the versions of the cluster, of the pods in it, and of the ledger. Notes what the user may not see, or why nothing answers. */
export async function clusterVersions(scope: Scope, reader: LedgerReader): Promise<ServerVersions> {
  try {
    const { gitVersion: kubernetes } = serverVersion.parse(
      await scope.client.raw('GET', '/version', undefined, { attempts: 1 }),
    );
    const pods = await versionsOfPods(scope);
    const read = await readLedgers(reader);
    return {
      ...read,
      operator: pods?.operator ?? read.operator,
      webhook: pods?.webhook,
      kubernetes,
      notes: [...read.notes, ...(pods === undefined ? ['You may not list the pods of rock-mac.'] : [])],
    };
  } catch (error) {
    return { notes: [explainError(explainKubeError(error, scope.namespace), false).text] };
  }
}

/** Returns the versions of the pods, or `undefined` if the user may not see them. */
async function versionsOfPods({ client }: Scope): Promise<Pick<ServerVersions, 'operator' | 'webhook'> | undefined> {
  try {
    const { items } = await client.list(componentPods, { labelSelector: 'app.kubernetes.io/part-of=rock-mac' });
    const of = (component: string): string[] | undefined => {
      const found = items
        .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === component)
        .flatMap(({ metadata }) => metadata.labels?.['app.kubernetes.io/version'] ?? []);
      return found.length === 0 ? undefined : [...new Set(found)].sort();
    };
    return { operator: of('rock-mac-operator'), webhook: of('rock-mac-webhook') };
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

async function readLedgers(reader: LedgerReader): Promise<Pick<ServerVersions, 'ledger' | 'operator' | 'notes'>> {
  try {
    const { items } = await reader.list(LEDGERS, { fields: {} });
    const [ledger] = items;
    if (ledger === undefined) return { notes: ['The read API shows no ledger.'] };
    const { schemaVersion: schema, postgresVersion: postgres, operatorVersion } = ledger;
    return {
      ledger: { schema, postgres },
      operator: operatorVersion === undefined ? undefined : [operatorVersion],
      notes: [],
    };
  } catch (error) {
    if (!(error instanceof ReadApiUnavailable)) throw error;
    return { notes: [`The version of the ledger needs its read API, which cannot be used (${error.message}).`] };
  }
}
