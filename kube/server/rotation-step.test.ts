import { describe, expect, test } from 'vitest';
import { isSignedBy, makeCa, readCertificate, splitBundle } from './certificates.ts';
import {
  CERTIFICATE_PERIODS,
  nextCertificateStep,
  type StoredCertificates,
  takeCertificateStep,
} from './rotation-step.ts';

const NAMES = ['rock-mac-webhook.rock-mac-system.svc'];
const DAY = 24 * 60 * 60 * 1000;
const START = Date.parse('2026-01-01T00:00:00Z');
const NOTHING: StoredCertificates = { bundle: '', caKey: '', servingCertificate: '', servingKey: '', caAddedAt: 0 };

/** Takes steps until no step is due at that moment. */
async function settle(
  stored: StoredCertificates,
  now: number,
  steps: string[] = [],
  names = NAMES,
): Promise<StoredCertificates> {
  const step = nextCertificateStep(stored, names, now, CERTIFICATE_PERIODS);
  if (step.step === 'none') return stored;
  steps.push(step.step);
  return await settle(await takeCertificateStep(step, stored, names, now, CERTIFICATE_PERIODS), now, steps, names);
}

function trusts(bundle: string, servingCertificate: string): boolean {
  return splitBundle(bundle).some((ca) => isSignedBy(servingCertificate, ca));
}

describe('certificates of a server', () => {
  test('are created from nothing: a CA and a serving certificate for the name of the Service', async () => {
    const steps: string[] = [];
    const stored = await settle(NOTHING, START, steps);
    expect(steps).toEqual(['new-ca', 'new-serving-certificate']);
    expect(readCertificate(stored.servingCertificate)?.dnsNames).toEqual(NAMES);
    expect(trusts(stored.bundle, stored.servingCertificate)).toBe(true);
  });

  test('renew the serving certificate with the same CA after two thirds of its lifetime', async () => {
    const before = await settle(NOTHING, START);
    expect(nextCertificateStep(before, NAMES, START + 19 * DAY, CERTIFICATE_PERIODS).step).toBe('none');
    const steps: string[] = [];
    const after = await settle(before, START + 21 * DAY, steps);
    expect(steps).toEqual(['new-serving-certificate']);
    expect(after.bundle).toBe(before.bundle);
  });

  test('renew the serving certificate when the name of the Service changes', async () => {
    const steps: string[] = [];
    await settle(await settle(NOTHING, START), START + 1, steps, ['other.ns.svc']);
    expect(steps).toEqual(['new-serving-certificate']);
  });

  test('are replaced when the Secret was filled with junk', async () => {
    const steps: string[] = [];
    await settle({ ...NOTHING, bundle: 'x', caKey: 'y', servingCertificate: 'z', servingKey: 'w' }, START, steps);
    expect(steps).toEqual(['new-ca', 'new-serving-certificate']);
  });

  test.each([
    ['the CA', 'caKey', ['new-ca', 'new-serving-certificate']],
    ['the serving certificate', 'servingKey', ['new-serving-certificate']],
  ] as const)('are replaced when the key of %s is junk or belongs to another certificate', async (_, field, wanted) => {
    const good = await settle(NOTHING, START);
    const other = await makeCa(START, DAY);
    for (const key of ['junk', other.key]) {
      const steps: string[] = [];
      // After the wait between a new CA and its first certificate.
      const broken = { ...good, [field]: key };
      const healed = await settle(broken, START + 1, steps);
      const settled = await settle(healed, START + DAY, steps);
      expect(steps).toEqual(wanted);
      expect(trusts(settled.bundle, settled.servingCertificate)).toBe(true);
    }
  });

  test('rotate their CA while clients with the old and the new bundle trust the serving certificate', async () => {
    let stored = await settle(NOTHING, START);
    const seen = new Set<string>();
    // In steps of six hours, past the whole lifetime of the first CA.
    for (let now = START; now < START + 400 * DAY; now += DAY / 4) {
      const before = stored;
      const steps: string[] = [];
      stored = await settle(stored, now, steps);
      for (const step of steps) seen.add(step);
      expect(trusts(before.bundle, stored.servingCertificate)).toBe(true);
      expect(trusts(stored.bundle, before.servingCertificate)).toBe(true);
      expect(trusts(stored.bundle, stored.servingCertificate)).toBe(true);
      expect(splitBundle(stored.bundle).length).toBeLessThanOrEqual(2);
      // Two steps at one moment would leave the API server no time to read the bundle.
      expect(steps).not.toEqual(['new-ca', 'new-serving-certificate']);
    }
    expect([...seen].sort()).toEqual(['drop-old-cas', 'new-ca', 'new-serving-certificate']);
  }, 60_000);

  test('have a CA that Node accepts as one', async () => {
    const ca = await makeCa(START, DAY);
    expect(readCertificate(ca.certificate)).toMatchObject({ notAfter: START + DAY });
    expect(isSignedBy(ca.certificate, ca.certificate)).toBe(true);
  });
});
