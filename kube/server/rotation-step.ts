import {
  isSignedBy,
  keyMatches,
  makeCa,
  makeServingCertificate,
  readCertificate,
  splitBundle,
} from './certificates.ts';

/** What the Secret holds. All texts are PEM; an empty text is something that is not there yet. */
export interface StoredCertificates {
  /** The authorities that clients trust, the one that signs first. */
  readonly bundle: string;
  readonly caKey: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
  /** When the newest authority was put into the bundle, in milliseconds since 1970. */
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
  /** How long a new authority is only trusted before it signs: longer than the API server takes to read the bundle. */
  readonly settleMs: number;
}

export const CERTIFICATE_PERIODS: CertificatePeriods = {
  caLifetimeMs: 365 * 24 * 60 * 60 * 1000,
  servingLifetimeMs: 30 * 24 * 60 * 60 * 1000,
  settleMs: 2 * 60 * 1000,
};

/**
 * The next step of the rotation, one at a time, so that at every moment what is served is trusted by who read the bundle
 * before the step as well as after it: new authority into the bundle, wait, new leaf, old authorities out once no leaf of
 * theirs can be served any more.
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
    return { step: 'new-ca', why: `the authority ${caProblem ?? 'is missing'}` };
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
    return settled ? { step: 'new-serving-certificate', why: 'the authority is new' } : { step: 'none' };
  }
  // What the old authority signed was signed before the new one settled, and has expired a leaf's lifetime after that.
  if (older.length > 0 && now - stored.caAddedAt > periods.settleMs + periods.servingLifetimeMs) {
    return { step: 'drop-old-cas', why: 'all that they signed has expired' };
  }
  return { step: 'none' };
}

/** Renewal begins when a third of the lifetime is left, which leaves weeks to notice that it fails. */
function problemOf(certificate: string | undefined, key: string, now: number, lifetimeMs: number): string | undefined {
  if (certificate === undefined || certificate === '' || key === '') return 'is missing';
  const facts = readCertificate(certificate);
  if (facts === undefined) return 'cannot be read';
  if (!keyMatches(certificate, key)) return 'has a key that is not its own';
  if (facts.notAfter <= now) return 'has expired';
  if (facts.notAfter - now < lifetimeMs / 3) return 'expires soon';
  return undefined;
}

/** Carries one step out. Times are milliseconds since 1970. */
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
