import { Gauge, type Registry } from '@prometheus-io/client';
import { measureStatements } from '../../ledger/connection/measure-statements.ts';

/** Metrics of the ledger as the operator sees it. */
export interface LedgerMetrics {
  ledgerOpen(open: boolean): void;
  /** Records whether nothing expires, because the clock of the database is not believed. */
  expiryHeld(held: boolean): void;
  /** Records whether another control plane has, or may have, the identity of this cluster. */
  identityShared(shared: boolean): void;
  /**
   * Records that every row of the audit that was committed at this time is in a seal, or that this replica begins to lead.
   * `undefined`: it no longer leads.
   */
  auditSealed(at: Date | undefined): void;
  /** Records whether the ledger has all seals whose anchors this cluster keeps. */
  anchorsPresent(present: boolean): void;
  /** Wraps a ledger client, whose statements are measured then. */
  readonly measureLedger: ReturnType<typeof measureStatements>;
}

export function registerLedgerMetrics(registry: Registry, now: () => number = Date.now): LedgerMetrics {
  const registers = [registry];
  const open = new Gauge({
    name: 'rockmac_ledger_open',
    help: 'Whether the ledger allocates addresses: 1 or 0. Also 0 while the ledger is unavailable.',
    registers,
  });
  const expiryHeld = new Gauge({
    name: 'rockmac_expiry_held',
    help: 'Whether time releases nothing, because the clock of the database is not believed: 1 or 0.',
    registers,
  });
  const identityShared = new Gauge({
    name: 'rockmac_cluster_identity_shared',
    help: 'Whether another control plane has, or may have, the identity of this cluster: 1 or 0.',
    registers,
  });
  let sealedAt: number | undefined;
  new Gauge({
    name: 'rockmac_audit_seal_lag_seconds',
    help: 'How long ago the leader last sealed the whole audit, or began to lead. 0 on other replicas.',
    registers,
    collect() {
      this.set(sealedAt === undefined ? 0 : (now() - sealedAt) / 1_000);
    },
  });
  const anchorsMissing = new Gauge({
    name: 'rockmac_audit_anchor_missing',
    help: 'Whether the ledger lacks a seal of the audit that this cluster has seen, without a recovery that explains it: 1 or 0.',
    registers,
  });
  return {
    ledgerOpen: (isOpen) => {
      open.set(isOpen ? 1 : 0);
    },
    expiryHeld: (isHeld) => {
      expiryHeld.set(isHeld ? 1 : 0);
    },
    identityShared: (isShared) => {
      identityShared.set(isShared ? 1 : 0);
    },
    auditSealed: (at) => {
      sealedAt = at?.getTime();
    },
    anchorsPresent: (present) => {
      anchorsMissing.set(present ? 0 : 1);
    },
    measureLedger: measureStatements(registry),
  };
}
