import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Refusal } from '../server/admission-review.ts';
import type { Slot, Wish } from './interface-request.ts';

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
export interface Questions {
  readonly nics: readonly PlannedNic[];
  /** The address for each slot; absent where its author's text stays as it is. */
  readonly answers: (macs: readonly (MacAddress | undefined)[]) => readonly (MacAddress | undefined)[];
}

export function questionsOf(slots: readonly Slot[], wishes: readonly Wish[]): Questions {
  const nics: PlannedNic[] = [];
  /** For each slot the place of its question, or what is known already. */
  const sources = slots.map(({ nic }, index): number | MacAddress | undefined => {
    const wish = wishes[index] ?? { kind: 'none' };
    if (wish.kind === 'none') return undefined;
    if (wish.kind === 'keep') return wish.mac;
    nics.push(question(nic, wish));
    return nics.length - 1;
  });
  return {
    nics,
    answers: (macs) => sources.map((source) => (typeof source === 'number' ? macs[source] : source)),
  };
}

function question(nic: string, wish: Exclude<Wish, { kind: 'none' | 'keep' }>): PlannedNic {
  switch (wish.kind) {
    case 'next':
      return { nic };
    case 'this':
      return { nic, requested: wish.mac };
    case 'claim':
      return { nic, claim: wish.claim, ...(wish.given !== undefined && { requested: wish.given }) };
  }
}

/** Whose author gave an address of another prefix knows what they do. */
export function warningsOf(slots: readonly Slot[], wishes: readonly Wish[]): readonly string[] {
  return slots.flatMap(({ given, warning }, index) => {
    const leftAlone = given !== undefined && wishes[index]?.kind === 'none';
    return warning === undefined || leftAlone ? [] : [`rock-mac: ${warning}`];
  });
}
