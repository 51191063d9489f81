import type { ComponentChildren } from 'preact';
import type { AddressDetails } from '../../api/console.ts';
import { LongText } from '../shared/long-text.tsx';
import { Moment } from '../shared/moment.tsx';
import { Name } from '../shared/name.tsx';
import { hashOf } from '../shared/route.ts';

export interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
}

/** Returns what is known about who has an address, in the order in which people ask. */
export function factsOf(address: AddressDetails): Fact[] {
  const rows = [...holderFacts(address), ...timeFacts(address), ...userFacts(address)];
  return rows.filter((row) => row !== undefined);
}

function holderFacts(address: AddressDetails): (Fact | undefined)[] {
  const { device, owner, consumer, clusterName, pool, state, vendor, administration } = address;
  const isReleased = state === 'released';
  return [
    text(isReleased ? 'Last device' : 'Device', device?.id),
    text('Device type', device?.type),
    owner && {
      name: isReleased ? 'Last holder' : 'Held by',
      value: (
        <>
          {owner.kind} <Name text={owner.namespace === '' ? owner.name : `${owner.namespace}/${owner.name}`} />
        </>
      ),
    },
    text('Interface', owner?.nic),
    text('Cluster', clusterName ?? owner?.clusterId),
    consumer && {
      name: 'Used by',
      value: (
        <>
          {consumer.kind} <Name text={consumer.name} />, <Name text={consumer.nic} />
        </>
      ),
    },
    { name: 'Pool', value: <a href={hashOf({ page: 'map', pool })}>{pool}</a> },
    text('Vendor', vendor),
    text('Administered', administration === undefined ? undefined : ADMINISTERED[administration]),
  ];
}

const ADMINISTERED = { local: 'locally', universal: 'universally' } as const;

function timeFacts(address: AddressDetails): (Fact | undefined)[] {
  const since = address.state === 'released' ? 'Was held since' : 'Held since';
  return [
    moment(since, address.generation === 0 ? undefined : address.allocatedAt),
    moment('Expires', address.expiresAt),
    moment('Released', address.releasedAt),
    moment('Free again', address.reusableAt),
    moment('Missing since', address.missingSince),
    text('Unreachable node', address.unreachableNode),
  ];
}

function userFacts({
  requester,
  reason,
  generation,
  observedOn = [],
  attributes = {},
}: AddressDetails): (Fact | undefined)[] {
  return [
    text('Requested by', requester),
    text('Last change', reason),
    text('Owners so far', generation === undefined ? undefined : String(generation)),
    ...observedOn.map(({ kind, namespace, name, nic, since }) => ({
      name: 'Used without right by',
      value: (
        <>
          {kind} <Name text={`${namespace}/${name}`} />, <Name text={nic} />, since <Moment at={since} />
        </>
      ),
    })),
    ...Object.entries(attributes).map(([name, value]) =>
      text(name, typeof value === 'string' ? value : JSON.stringify(value)),
    ),
  ];
}

function text(name: string, value: string | undefined): Fact | undefined {
  return value === undefined || value === '' ? undefined : { name, value: <LongText text={value} /> };
}

function moment(name: string, at: string | undefined): Fact | undefined {
  return at === undefined ? undefined : { name, value: <Moment at={at} exact /> };
}
