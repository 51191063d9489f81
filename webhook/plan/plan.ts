import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Refusal } from '../server/admission-review.ts';
import type { InterfaceRequest, Decision } from './decide-interfaces.ts';

/** An interface for which the ledger is asked. */
export interface PlannedNic {
  readonly nic: string;
  /** The address that the author asked for; absent: the next one. */
  readonly requested?: MacAddress;
  /** The claim whose address it is to have. */
  readonly claim?: string;
}

/** What an incoming object needs, and what it becomes: all that is decided before anybody is asked. */
export interface Plan {
  readonly nics: readonly PlannedNic[];
  readonly warnings: readonly string[];
  /** The patch once the ledger has answered; `macs[i]` is for `nics[i]`, and nothing was handed out where it is absent. */
  readonly patch: (
    macs: readonly (MacAddress | undefined)[],
    leaseId: string | undefined,
  ) => readonly JsonPatchOperation[];
}

export type Planned = { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly refusal: Refusal };

/** Questions for the ledger, and the way back from its answers to all slots. */
export interface LedgerRequests {
  readonly nics: readonly PlannedNic[];
  /** The address for each slot; absent where its author's text stays as it is. */
  readonly answers: (macs: readonly (MacAddress | undefined)[]) => readonly (MacAddress | undefined)[];
}

export function ledgerRequestsOf(
  requests: readonly InterfaceRequest[],
  decisions: readonly Decision[],
): LedgerRequests {
  const nics: PlannedNic[] = [];
  /** For each slot the place of its question, or what is known already. */
  const sources = requests.map(({ nic }, index): number | MacAddress | undefined => {
    const decision = decisions[index] ?? { kind: 'none' };
    if (decision.kind === 'none') return undefined;
    if (decision.kind === 'keep') return decision.mac;
    nics.push(question(nic, decision));
    return nics.length - 1;
  });
  return {
    nics,
    answers: (macs) => sources.map((source) => (typeof source === 'number' ? macs[source] : source)),
  };
}

function question(nic: string, decision: Exclude<Decision, { kind: 'none' | 'keep' }>): PlannedNic {
  switch (decision.kind) {
    case 'next':
      return { nic };
    case 'this':
      return { nic, requested: decision.mac };
    case 'claim':
      return { nic, claim: decision.claim, ...(decision.given !== undefined && { requested: decision.given }) };
  }
}

/** Whose author gave an address of another prefix knows what they do. */
export function warningsOf(requests: readonly InterfaceRequest[], decisions: readonly Decision[]): readonly string[] {
  return requests.flatMap(({ given, warning }, index) => {
    const leftAlone = given !== undefined && decisions[index]?.kind === 'none';
    return warning === undefined || leftAlone ? [] : [`rock-mac: ${warning}`];
  });
}
