import { isSignedBy, keyMatches, makeAuthority, makeLeaf, readCertificate, splitBundle } from './certificates.ts';

/** What the Secret holds. All texts are PEM; an empty text is something that is not there yet. */
export interface StoredCertificates {
  /** The authorities that clients trust, the one that signs first. */
  readonly bundle: string;
  readonly authorityKey: string;
  readonly leaf: string;
  readonly leafKey: string;
  /** When the newest authority was put into the bundle, in milliseconds since 1970. */
  readonly authorityAddedAt: number;
}

export type CertificateStep =
  | { readonly step: 'none' }
  | { readonly step: 'new-authority'; readonly why: string }
  | { readonly step: 'new-leaf'; readonly why: string }
  | { readonly step: 'drop-old-authorities'; readonly why: string };

export interface CertificatePeriods {
  readonly authorityLifetimeMs: number;
  readonly leafLifetimeMs: number;
  /** How long a new authority is only trusted before it signs: longer than the API server takes to read the bundle. */
  readonly settleMs: number;
}

export const CERTIFICATE_PERIODS: CertificatePeriods = {
  authorityLifetimeMs: 365 * 24 * 60 * 60 * 1000,
  leafLifetimeMs: 30 * 24 * 60 * 60 * 1000,
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
  const authorityProblem = problemOf(signing, stored.authorityKey, now, periods.authorityLifetimeMs);
  if (signing === undefined || authorityProblem !== undefined) {
    return { step: 'new-authority', why: `the authority ${authorityProblem ?? 'is missing'}` };
  }
  const leafProblem = problemOf(stored.leaf, stored.leafKey, now, periods.leafLifetimeMs);
  if (leafProblem !== undefined) return { step: 'new-leaf', why: `the serving certificate ${leafProblem}` };
  const names = readCertificate(stored.leaf)?.dnsNames ?? [];
  if (!dnsNames.every((name) => names.includes(name))) {
    return { step: 'new-leaf', why: 'the serving certificate is for other names' };
  }
  const settled = now - stored.authorityAddedAt >= periods.settleMs;
  if (!isSignedBy(stored.leaf, signing)) {
    return settled ? { step: 'new-leaf', why: 'the authority is new' } : { step: 'none' };
  }
  // What the old authority signed was signed before the new one settled, and has expired a leaf's lifetime after that.
  if (older.length > 0 && now - stored.authorityAddedAt > periods.settleMs + periods.leafLifetimeMs) {
    return { step: 'drop-old-authorities', why: 'all that they signed has expired' };
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
    case 'new-authority': {
      const authority = await makeAuthority(now, periods.authorityLifetimeMs);
      const trusted = [signing, ...older].filter((pem) => (readCertificate(pem)?.notAfter ?? 0) > now);
      return {
        ...stored,
        bundle: [authority.certificate, ...trusted].map((pem) => `${pem.trimEnd()}\n`).join(''),
        authorityKey: authority.key,
        authorityAddedAt: now,
      };
    }
    case 'new-leaf': {
      const authority = { certificate: signing, key: stored.authorityKey };
      const leaf = await makeLeaf(authority, dnsNames, now, periods.leafLifetimeMs);
      return { ...stored, leaf: leaf.certificate, leafKey: leaf.key };
    }
    case 'drop-old-authorities':
      return { ...stored, bundle: `${signing.trimEnd()}\n` };
  }
}
