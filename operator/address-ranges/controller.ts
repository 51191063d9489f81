import { isDeepStrictEqual } from 'node:util';
import { ADDRESS_RANGES_CONFIG_MAP } from '../../api/names.ts';
import { configMaps } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { formatAddressRanges } from './format.ts';

export type AddressRangesDeps = Pick<OperatorDeps, 'client' | 'ledger' | 'logger' | 'readPrefixes' | 'systemNamespace'>;

/** How soon a new prefix, a pool that another cluster defined, or a ConfigMap that somebody changed, is noticed. */
const CHECK_EVERY_MS = 15_000;

/** There is one ConfigMap, so there is one key. */
const KEY = ADDRESS_RANGES_CONFIG_MAP;

/**
 * Declares the controller of the ConfigMap with the address ranges. The policies for stray addresses read it. It follows the
 * ledger and not the MacPools, because a MacPool may have another definition than the pool.
 */
export function addressRangesController(
  deps: AddressRangesDeps & Pick<Sources, 'pools' | 'prefixesChanged'>,
): ControllerSpec {
  let before: Prefixes | undefined;
  return {
    name: 'address-ranges',
    watches: [watch(deps.pools, () => [KEY])],
    initialKeys: [KEY],
    reconcile: async () => {
      const prefixes = await deps.readPrefixes();
      if (before !== undefined && !isDeepStrictEqual(prefixes, before)) deps.prefixesChanged.fire(prefixes);
      before = prefixes;
      await publishAddressRanges(prefixes, deps);
      return { requeueAfterMs: CHECK_EVERY_MS };
    },
  };
}

async function publishAddressRanges(
  prefixes: Prefixes,
  { client, ledger, logger, systemNamespace: namespace }: AddressRangesDeps,
): Promise<void> {
  const data = formatAddressRanges(prefixes, await listPools(ledger));
  const name = ADDRESS_RANGES_CONFIG_MAP;
  const stored = await getOrUndefined(configMaps, { namespace, name }, client);
  if (stored === undefined) {
    await client.create(configMaps, { metadata: { namespace, name }, data });
  } else if (stored.data?.['prefixes'] !== data['prefixes'] || stored.data?.['pools'] !== data['pools']) {
    await client.update(configMaps, { ...stored, data });
  } else return;
  logger.info({ name }, 'address ranges published');
}
