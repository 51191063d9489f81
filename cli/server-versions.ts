/** The versions of what a program talks to, as far as they could be read. */
export interface ServerVersions {
  readonly ledger?: { readonly schema: number; readonly postgres?: string | undefined } | undefined;
  /** Of the pods of the operator, or of the one that answered. Several during an update. */
  readonly operator?: readonly string[] | undefined;
  readonly webhook?: readonly string[] | undefined;
  readonly kubernetes?: string | undefined;
  /** What could not be read, and why. */
  readonly notes: readonly string[];
}

/** This program, and the schema of ledgers that it was written for. */
export interface ClientVersion {
  readonly version: string;
  readonly schema: number;
}

/** Returns a warning for each version that does not fit this program, with the next step. */
export function versionSkew(client: ClientVersion, { ledger, operator = [], webhook = [] }: ServerVersions): string[] {
  const others = [
    ...operator.map((version) => ['operator', version] as const),
    ...webhook.map((version) => ['webhook', version] as const),
  ].filter(([, version]) => version !== client.version);
  return [
    ...others.map(
      ([name, version]) => `The ${name} has version ${version}, this program ${client.version}. Update the older one.`,
    ),
    ...(ledger === undefined ? [] : schemaSkew(client.schema, ledger.schema)),
  ];
}

function schemaSkew(own: number, ledger: number): string[] {
  if (ledger === own) return [];
  const next = ledger > own ? 'Update this program.' : 'Run `rock-mac migrate` with the login of its owner.';
  return [`The ledger has schema ${String(ledger)}, and this program was written for ${String(own)}. ${next}`];
}
