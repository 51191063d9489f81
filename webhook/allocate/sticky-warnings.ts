import { LABELS } from '../../api/names.ts';
import type { AllocatedOutcome } from '../../ledger/outcomes.ts';
import type { AddressRequest } from '../plan/plan.ts';
import { poolOf } from '../pools/choose-pools.ts';
import type { RefusedResult } from '../refuse/refuse-allocation.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';

/** Returns what the author should know if a name has its address from another pool than is named for it now. */
export function otherPoolWarning(
  request: AddressRequest,
  { pool }: Pick<AllocatedOutcome, 'pool'>,
  terms: Pick<NamespaceTerms, 'pool'>,
): string | undefined {
  const { nic, sticky, pool: chosen } = request;
  const current = poolOf(request, terms);
  if (sticky === undefined || pool === current) return undefined;
  const names = chosen === undefined ? 'this namespace uses' : `${chosen.namedBy} names`;
  return `rock-mac: interface ${nic} keeps the sticky address of its name, of pool ${pool}, although ${names} pool ${current}. To get another one, delete MacAllocation ${sticky.claim}, and then create the object again`;
}

/** Returns why an interface gets an address that ends with its object, or `undefined` if it gets none at all. */
export function whyNotSticky(request: AddressRequest, { outcome }: RefusedResult): string | undefined {
  switch (outcome) {
    case 'other_namespace':
      return notSticky(request, 'that of its name belongs to an earlier namespace of this name, until it is released');
    case 'unused_limit':
      return notSticky(
        request,
        `no object uses ${String(request.sticky?.unusedLimit)} sticky addresses of this namespace, and more are not kept. Delete those that nobody needs: kubectl get macallocations -l ${LABELS.sticky}`,
      );
    default:
      return undefined;
  }
}

/** Returns what the author should know if the guest of the last machine of this name took its address along. */
export function migratedWarning(request: AddressRequest): string {
  return notSticky(
    request,
    'the guest of the last machine of this name migrated elsewhere, and still uses that of the name',
  );
}

function notSticky({ nic }: AddressRequest, why: string): string {
  return `rock-mac: interface ${nic} got an address that is not sticky: ${why}`;
}
