import { X509Certificate } from 'node:crypto';
import { formatMinutes } from '../output/time.ts';
import { failure, type Finding, fine, warning } from './finding.ts';

/** What the API server trusts, and what a program serves with. */
export interface ServedCertificate {
  /** Who serves: `webhook` or `read API`. */
  readonly who: string;
  /** The name under which the API server calls it. */
  readonly dnsName: string;
  /** The CA bundles of all objects that point to it, in PEM. */
  readonly bundles: readonly string[];
  /** The serving certificate in PEM. Absent if this user may not read it. */
  readonly serving?: string | undefined;
}

/** A serving certificate is replaced ten days before its end, and a CA much earlier. */
const ENDS_SOON_MS = 7 * 86_400_000;

/** Evaluates a serving certificate: its end, its name, and whether the API server trusts it. */
export function certificateFindings({ who, dnsName, bundles, serving }: ServedCertificate, now: Date): Finding[] {
  const logs = `See the log of the ${who === 'webhook' ? 'webhook' : 'operator'}.`;
  const wrong = (message: string, next = logs) => [failure('certificate', message, next)];
  if (bundles.length === 0 || bundles.includes('')) return wrong(`the ${who} has not published its CA`);
  const authorities = bundles.map(parseAll);
  const ends = Math.min(...authorities.map((each) => Math.max(0, ...each.map(endOf))));
  const until = `until ${formatMinutes(new Date(ends))}`;
  if (ends - now.getTime() < ENDS_SOON_MS) return wrong(`the API server trusts the CA of the ${who} only ${until}`);
  if (serving === undefined) {
    const known = `the API server trusts the CA of the ${who} ${until}`;
    return [fine('certificate', known), warning('certificate', `that of the ${who} was not examined`, ADMINISTRATOR)];
  }
  const [leaf] = parseAll(serving);
  if (leaf === undefined) return wrong(`the ${who} has no certificate`);
  if (leaf.checkHost(dnsName) === undefined) {
    return wrong(
      `the certificate of the ${who} is not for ${dnsName}`,
      `Delete its Secret: the ${who} makes a new one.`,
    );
  }
  if (!authorities.every((each) => each.some((ca) => isSignedBy(leaf, ca)))) {
    const next = `A new CA is published within a minute. If it stays, look for what else writes \`caBundle\`. ${logs}`;
    return wrong(`the API server does not trust the certificate of the ${who}`, next);
  }
  const text = `the ${who} serves ${dnsName} with a certificate that ends on ${formatMinutes(leaf.validToDate)}`;
  if (endOf(leaf) - now.getTime() < ENDS_SOON_MS) return wrong(`${text}, and was not renewed in time`);
  return [fine('certificate', `${text}, and the API server trusts it`)];
}

const ADMINISTRATOR = 'Run it as an administrator of the cluster.';

function parseAll(pem: string): X509Certificate[] {
  const parts = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return parts.flatMap((part) => {
    try {
      return [new X509Certificate(part)];
    } catch {
      return []; // something else wrote it, and nobody trusts what nobody can read
    }
  });
}

function endOf({ validToDate }: X509Certificate): number {
  return validToDate.getTime();
}

function isSignedBy(leaf: X509Certificate, ca: X509Certificate): boolean {
  return leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
}
