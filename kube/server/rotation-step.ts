import {
  isSignedBy,
  keyMatches,
  makeCa,
  makeServingCertificate,
  readCertificate,
  splitBundle,
} from './certificates.ts';

/** The content of the Secret, as PEM. An empty string stands for a missing part. */
export interface StoredCertificates {
  /** The CAs that clients trust. The first one signs. */
  readonly bundle: string;
  readonly caKey: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
  /** When the newest CA was added to the bundle, in milliseconds since 1970. */
  readonly caAddedAt: number;
}

export type CertificateStep =
  | { readonly step: 'none' }
  | { readonly step: 'new-ca'; readonly why: string }
  | { readonly step: 'new-serving-certificate'; readonly why: string }
  | { readonly step: 'drop-old-cas'; readonly why: string };

export interface CertificatePeriods {
  readonly caLifetimeMs: number;
  readonly servingLifetimeMs: number;
  /** How long a new CA is trusted before it signs: longer than the API server takes to read the bundle. */
  readonly settleMs: number;
}

export const CERTIFICATE_PERIODS: CertificatePeriods = {
  caLifetimeMs: 365 * 24 * 60 * 60 * 1000,
  servingLifetimeMs: 30 * 24 * 60 * 60 * 1000,
  settleMs: 2 * 60 * 1000,
};

/**
 * Returns the next step of the rotation. The steps are: add a new CA to the bundle, wait, issue a new serving certificate,
 * drop the old CAs when all their certificates have expired. After each step, a client with the bundle of before the step
 * still trusts the serving certificate.
 */
export function nextCertificateStep(
  stored: StoredCertificates,
  dnsNames: readonly string[],
  now: number,
  periods: CertificatePeriods,
): CertificateStep {
  const [signing, ...older] = splitBundle(stored.bundle);
  const caProblem = problemOf(signing, stored.caKey, now, periods.caLifetimeMs);
  if (signing === undefined || caProblem !== undefined) {
    return { step: 'new-ca', why: `the CA ${caProblem ?? 'is missing'}` };
  }
  const servingProblem = problemOf(stored.servingCertificate, stored.servingKey, now, periods.servingLifetimeMs);
  if (servingProblem !== undefined)
    return { step: 'new-serving-certificate', why: `the serving certificate ${servingProblem}` };
  const names = readCertificate(stored.servingCertificate)?.dnsNames ?? [];
  if (!dnsNames.every((name) => names.includes(name))) {
    return { step: 'new-serving-certificate', why: 'the serving certificate is for other names' };
  }
  const settled = now - stored.caAddedAt >= periods.settleMs;
  if (!isSignedBy(stored.servingCertificate, signing)) {
    return settled ? { step: 'new-serving-certificate', why: 'the CA is new' } : { step: 'none' };
  }
  // The old CA last signed before the new one had settled, and that certificate has expired by now.
  if (older.length > 0 && now - stored.caAddedAt > periods.settleMs + periods.servingLifetimeMs) {
    return { step: 'drop-old-cas', why: 'all certificates that they signed have expired' };
  }
  return { step: 'none' };
}

/** Returns why a certificate must be renewed. Renewal starts when a third of its lifetime is left, days before expiry. */
function problemOf(certificate: string | undefined, key: string, now: number, lifetimeMs: number): string | undefined {
  if (certificate === undefined || certificate === '' || key === '') return 'is missing';
  const facts = readCertificate(certificate);
  if (facts === undefined) return 'cannot be read';
  if (!keyMatches(certificate, key)) return 'has a key that is not its own';
  if (facts.notAfter <= now) return 'has expired';
  if (facts.notAfter - now < lifetimeMs / 3) return 'expires soon';
  return undefined;
}

/** Performs one step and returns the new content. Times are milliseconds since 1970. */
export async function takeCertificateStep(
  step: CertificateStep,
  stored: StoredCertificates,
  dnsNames: readonly string[],
  now: number,
  periods: CertificatePeriods,
): Promise<StoredCertificates> {
  const [signing = '', ...older] = splitBundle(stored.bundle);
  switch (step.step) {
    case 'none':
      return stored;
    case 'new-ca': {
      const ca = await makeCa(now, periods.caLifetimeMs);
      const trusted = [signing, ...older].filter((pem) => (readCertificate(pem)?.notAfter ?? 0) > now);
      return {
        ...stored,
        bundle: [ca.certificate, ...trusted].map((pem) => `${pem.trimEnd()}\n`).join(''),
        caKey: ca.key,
        caAddedAt: now,
      };
    }
    case 'new-serving-certificate': {
      const ca = { certificate: signing, key: stored.caKey };
      const servingCertificate = await makeServingCertificate(ca, dnsNames, now, periods.servingLifetimeMs);
      return { ...stored, servingCertificate: servingCertificate.certificate, servingKey: servingCertificate.key };
    }
    case 'drop-old-cas':
      return { ...stored, bundle: `${signing.trimEnd()}\n` };
  }
}
