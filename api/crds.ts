import { macAllocationSpec, macAllocationStatus } from './mac-allocation.ts';
import { macPoolSpec, macPoolStatus } from './mac-pool.ts';
import { GROUP, VERSION } from './names.ts';
import { type StructuralSchema, toStructuralSchema } from './structural-schema.ts';

interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** 0 is always shown; 1 only with `-o wide`. */
  readonly priority?: 0 | 1;
}

const READY = '.status.conditions[?(@.type=="Ready")]';
const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** Returns the two CustomResourceDefinitions, which `make generate` writes to crds/. */
export function customResourceDefinitions(): readonly Record<string, unknown>[] {
  return [macAllocationDefinition(), macPoolDefinition()];
}

function macAllocationDefinition() {
  return definition({
    names: {
      kind: 'MacAllocation',
      listKind: 'MacAllocationList',
      plural: 'macallocations',
      singular: 'macallocation',
      shortNames: ['macalloc', 'ma'],
      categories: ['rock-mac'],
    },
    scope: 'Namespaced',
    description:
      'A MAC address from the ledger: a claim made by a person, a script or Git, the mirror of an address that a pod or VM uses, or a sticky claim, whose address belongs to the name of a pod or VM.',
    spec: toStructuralSchema(macAllocationSpec),
    status: toStructuralSchema(macAllocationStatus),
    validations: [
      {
        rule: '!has(oldSelf.status) || !has(oldSelf.status.mac) || (has(self.status) && has(self.status.mac) && self.status.mac == oldSelf.status.mac)',
        message: 'status.mac is set once and never changes',
      },
    ],
    // A claim has its address and its consumer in the status, a mirror and a sticky claim in the spec. Each has only one of them, because a column
    // shows the first value that its path finds, and a map has no order.
    columns: [
      { name: 'Pool', type: 'string', jsonPath: '.spec.pool' },
      { name: 'MAC', type: 'string', jsonPath: '.*.mac' },
      { name: 'Ready', type: 'string', jsonPath: `${READY}.status` },
      { name: 'Reason', type: 'string', jsonPath: `${READY}.reason` },
      { name: 'Device', type: 'string', jsonPath: '.spec.device.id' },
      AGE,
      { name: 'Consumer', type: 'string', jsonPath: ".*['consumer','consumerRef','stickyFor'].name", priority: 1 },
      { name: 'Requester', type: 'string', jsonPath: '.spec.requester.username', priority: 1 },
      { name: 'Expires', type: 'string', jsonPath: '.status.expiresAt', priority: 1 },
    ],
    selectable: ['.status.mac', '.spec.mac', '.spec.pool', '.spec.device.id'],
  });
}

function macPoolDefinition() {
  return definition({
    names: {
      kind: 'MacPool',
      listKind: 'MacPoolList',
      plural: 'macpools',
      singular: 'macpool',
      shortNames: ['macpool', 'mp'],
      categories: ['rock-mac'],
    },
    scope: 'Cluster',
    description: 'A named contiguous range of MAC addresses in the ledger, with its periods.',
    spec: toStructuralSchema(macPoolSpec),
    status: toStructuralSchema(macPoolStatus),
    validations: [],
    columns: [
      { name: 'First', type: 'string', jsonPath: '.spec.first' },
      { name: 'Last', type: 'string', jsonPath: '.spec.last' },
      { name: 'Active', type: 'integer', jsonPath: '.status.active' },
      { name: 'Pending', type: 'integer', jsonPath: '.status.pending' },
      { name: 'Free', type: 'integer', jsonPath: '.status.free' },
      { name: 'Used', type: 'string', jsonPath: '.status.utilisation' },
      { name: 'Ready', type: 'string', jsonPath: `${READY}.status` },
      { name: 'Reason', type: 'string', jsonPath: `${READY}.reason` },
      AGE,
      { name: 'Stocked', type: 'integer', jsonPath: '.status.stocked', priority: 1 },
      { name: 'Reserved', type: 'integer', jsonPath: '.status.reserved', priority: 1 },
      { name: 'Released', type: 'integer', jsonPath: '.status.released', priority: 1 },
      { name: 'Orphaned', type: 'integer', jsonPath: '.status.orphaned', priority: 1 },
      { name: 'AutoRelease', type: 'string', jsonPath: '.spec.autoReleaseAfter', priority: 1 },
      { name: 'Strategy', type: 'string', jsonPath: '.status.strategy', priority: 1 },
    ],
    selectable: [],
  });
}

interface Definition {
  readonly names: { readonly kind: string; readonly plural: string } & Record<string, unknown>;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly description: string;
  readonly spec: StructuralSchema;
  readonly status: StructuralSchema;
  readonly validations: readonly { readonly rule: string; readonly message: string }[];
  readonly columns: readonly PrinterColumn[];
  readonly selectable: readonly string[];
}

function definition(d: Definition): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${d.names.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: d.names,
      scope: d.scope,
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootSchema(d) },
          subresources: { status: {} },
          additionalPrinterColumns: d.columns,
          ...(d.selectable.length > 0 && { selectableFields: d.selectable.map((jsonPath) => ({ jsonPath })) }),
        },
      ],
    },
  };
}

function rootSchema(d: Definition): StructuralSchema {
  return {
    type: 'object',
    description: d.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: d.spec,
      status: d.status,
    },
    ...(d.validations.length > 0 && { 'x-kubernetes-validations': d.validations }),
  };
}
