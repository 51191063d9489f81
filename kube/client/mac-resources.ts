import { z } from 'zod';
import type { MacAllocationSpec, MacAllocationStatus } from '../../api/mac-allocation.ts';
import type { MacPoolSpec, MacPoolStatus } from '../../api/mac-pool.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { objectMeta } from './objects.ts';
import type { Resource } from './resource.ts';

/*
 * The kinds of rock-mac. The API server validates every field by the CRDs, which are generated from these types. A second,
 * slightly different validation (zod counts UTF-16 units, the server counts characters) would let one unusual object of
 * one tenant fail the list of all.
 */

function checkedByServer<T extends object>() {
  return z.custom<T>((value) => typeof value === 'object' && value !== null);
}

const macAllocation = z.object({
  metadata: objectMeta,
  spec: checkedByServer<MacAllocationSpec>(),
  status: checkedByServer<MacAllocationStatus>().optional(),
});
export type MacAllocation = z.infer<typeof macAllocation>;

export const macAllocations: Resource<MacAllocation> = {
  group: GROUP,
  version: VERSION,
  plural: 'macallocations',
  kind: 'MacAllocation',
  namespaced: true,
  schema: macAllocation,
};

const macPool = z.object({
  metadata: objectMeta,
  spec: checkedByServer<MacPoolSpec>(),
  status: checkedByServer<MacPoolStatus>().optional(),
});
export type MacPool = z.infer<typeof macPool>;

export const macPools: Resource<MacPool> = {
  group: GROUP,
  version: VERSION,
  plural: 'macpools',
  kind: 'MacPool',
  namespaced: false,
  schema: macPool,
};
