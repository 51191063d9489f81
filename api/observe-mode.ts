/**
 * Which addresses of other prefixes the operator records when live objects use them: those of namespaces whose objects get
 * addresses, those of all namespaces, or none. Addresses under the prefixes of the ledger are recorded in any case, or they
 * could be handed out twice.
 */
export const OBSERVE_MODES = ['managed', 'all', 'off'] as const;
export type ObserveMode = (typeof OBSERVE_MODES)[number];
