import { z } from 'zod';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, itemsJson, outcomeStatement } from './address-ref.ts';
import type { AddressRow } from './address-row.ts';
import { NOT_OPEN, type NotOpen, ownerColumns } from './allocate.ts';
import { maxAddressesSchema, type Owner, ownerSchema } from './owner.ts';
import { type Invalid, runEach } from './validate.ts';

/*
 * An address of a virtual machine moves to another machine when its owner ends, also into another cluster: a guest that migrates
 * keeps its addresses. The owner offers the address, leaves it when it ends, and the receiver takes it.
 */

/** Returns whether the owner of an address offers it to this machine. */
export function isOfferedTo(
  { handover }: Pick<AddressRow, 'handover'>,
  { clusterId, namespace, name }: Pick<Owner, 'clusterId' | 'namespace' | 'name'>,
): boolean {
  return handover?.clusterId === clusterId && handover.namespace === namespace && handover.name === name;
}

/** The machine to which an address is offered. */
export interface Receiver {
  /** The id or the name of its cluster. */
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  /** The text that names all three. The address shows it, so that a change is seen. */
  readonly asked: string;
}

/** An address and its receiver. Without one, the offer is withdrawn. */
export interface OfferItem extends AddressRef {
  readonly to?: Receiver | undefined;
}

const OFFERED = [
  ...(['offered', 'withdrawn', 'unknown', 'not_owner', 'not_held'] as const),
  ...(['unknown_cluster', 'ambiguous_cluster'] as const),
] as const;

/**
 * `withdrawn`: also an offer to the owner itself. `unknown`: the caller's cluster does not hold it. `not_owner`: the owner,
 * generation or key has changed. `not_held`: no stored machine holds it by its uid. `unknown_cluster`: the ledger has no cluster
 * of this id or name. `ambiguous_cluster`: it has several of this name.
 */
export type OfferOutcome = { readonly outcome: (typeof OFFERED)[number] } | Invalid;

const offerSchema = addressRefSchema.extend({
  to: z
    .object({
      cluster: storableText(253),
      namespace: storableText(253).refine((name) => name !== '', 'is empty'),
      name: storableText(253).refine((name) => name !== '', 'is empty'),
      asked: storableText(600).refine((text) => text !== '', 'is empty'),
    })
    .optional(),
});

/** Records to whom addresses are offered, and that their owners still use them. Returns outcomes in the order of the items. */
export function offer(db: Queryable, items: readonly OfferItem[]): Promise<OfferOutcome[]> {
  return runEach(items, offerSchema, (group) => {
    const json = itemsJson(group, ({ generation, key, to }) => {
      return { generation, key, cluster: to?.cluster, namespace: to?.namespace, name: to?.name, reason: to?.asked };
    });
    return db.query(
      outcomeStatement('select outcome from rock_mac.offer_address($1::jsonb) order by ord', [json], OFFERED),
    );
  });
}

const LEFT = ['left', 'waits', 'no_receiver', 'not_offered', 'unknown'] as const;

/**
 * `left`: now or before, the receiver may take it. `waits`: the other cluster of the receiver has not completed a resync
 * since the first call, so it may not have observed the receiver yet. `no_receiver`: the receiver does not have it. `not_offered`: to nobody.
 * `unknown`: the caller's cluster does not hold it, or no longer.
 */
export type LeaveOutcome = { readonly outcome: (typeof LEFT)[number] } | Invalid;

export interface LeaveItem extends AddressRef {
  /** Whether the caller saw the receiver with the address, in its own cluster. Another cluster has observed it. */
  readonly inUse: boolean;
}

/** Leaves addresses whose owners have ended to their receivers. Returns outcomes in the order of the items. */
export function leave(db: Queryable, items: readonly LeaveItem[]): Promise<LeaveOutcome[]> {
  return runEach(items, addressRefSchema.extend({ inUse: z.boolean() }), (group) => {
    const json = itemsJson(group, ({ generation, key, inUse }) => ({ generation, key, in_use: inUse }));
    return db.query(
      outcomeStatement('select outcome from rock_mac.leave_address($1::jsonb) order by ord', [json], LEFT),
    );
  });
}

/** An address as its former owner left it, and the machine that receives it. */
export interface ReceiveItem extends AddressRef {
  readonly newKey: string;
  readonly owner: Owner & { readonly uid: string };
  /** As in a TransferItem. */
  readonly maxAddresses?: number | undefined;
  readonly requester: string;
  readonly reason: string;
}

const REFUSED = [
  ...(['unknown', 'not_offered', 'not_left', 'not_adopted'] as const),
  ...(['key_conflict', 'pool_quota', 'namespace_quota'] as const),
] as const;

export type ReceiveOutcome =
  /** Now, or by an earlier call. */
  | { readonly outcome: 'received'; readonly generation: number }
  /**
   * `unknown`: no such address, or the caller's cluster is not that of the receiver. `not_offered`: not to this machine, or its
   * owner has changed. `not_left`: its owner still uses it. The others are as in `TransferOutcome`.
   */
  | { readonly outcome: (typeof REFUSED)[number] }
  | { readonly outcome: 'not_open'; readonly why: NotOpen }
  | Invalid;

const receiveSchema = addressRefSchema.extend({
  newKey: storableText(600).refine((key) => key !== '', 'is empty'),
  owner: ownerSchema.required({ uid: true }),
  maxAddresses: maxAddressesSchema.optional(),
  requester: storableText(1024),
  reason: storableText(1024),
});

const receivedSchema = z.object({
  outcome: z.enum(['received', ...REFUSED, ...NOT_OPEN]),
  generation: z.int().nullable(),
});

/** Gives addresses to the machines to which they were left, in one change each. Returns outcomes in the order of the items. */
export function receive(db: Queryable, items: readonly ReceiveItem[], actor: string): Promise<ReceiveOutcome[]> {
  return runEach(items, receiveSchema, async (group): Promise<ReceiveOutcome[]> => {
    const json = itemsJson(group, ({ generation, key, newKey, owner, maxAddresses, requester, reason }) => {
      return {
        generation,
        key,
        bound_key: newKey,
        ...ownerColumns(owner),
        max_addresses: maxAddresses,
        requester,
        reason,
      };
    });
    const rows = await db.query({
      text: 'select outcome, generation from rock_mac.receive_address($1::jsonb, $2) order by ord',
      values: [json, actor],
      row: receivedSchema,
    });
    return rows.map(toOutcome);
  });
}

function toOutcome({ outcome, generation }: z.infer<typeof receivedSchema>): ReceiveOutcome {
  if (outcome === 'received') {
    if (generation === null) throw new Error('received without a generation');
    return { outcome, generation };
  }
  const refused = REFUSED.find((each) => each === outcome);
  return refused === undefined ? { outcome: 'not_open', why: z.enum(NOT_OPEN).parse(outcome) } : { outcome: refused };
}
