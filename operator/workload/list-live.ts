import type { Carrier, CarrierKind } from './workload.ts';
import type { OperatorContext } from '../dependencies.ts';
import { listIfThere } from '../uncached-read.ts';

export interface LiveObject {
  readonly kind: CarrierKind;
  readonly carrier: Carrier;
}

/**
 * Every object of the cluster that shows an address of ours or a lease id, of all kinds, each read page by page from the
 * API server's store. All of it or an error, never a part: what is not in here is taken for absent by who calls this.
 */
export async function listLiveObjects(
  { kinds, client }: OperatorContext,
  copyOf: (object: LiveObject) => Carrier | undefined = () => undefined,
): Promise<readonly LiveObject[]> {
  const keep = ({ shows, lease }: Carrier) => shows.length > 0 || lease !== undefined;
  const found: LiveObject[] = [];
  for (const kind of kinds) {
    // What is in memory already, in this very state, is not kept a second time.
    const known = (carrier: Carrier) => {
      const copy = copyOf({ kind, carrier });
      return copy?.metadata.resourceVersion === carrier.metadata.resourceVersion ? copy : undefined;
    };
    for (const carrier of await listIfThere(kind.resource, client, { keep, known })) found.push({ kind, carrier });
  }
  return found;
}
