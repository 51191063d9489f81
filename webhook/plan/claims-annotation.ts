import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import { parseJson } from '../../api/parse-json.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { malformed } from '../review/refusal.ts';
import type { InterfaceRequest } from './decide-interfaces.ts';

const claimMap = z.record(z.string(), z.string().min(1));

export type RequestsWithClaims =
  | { readonly ok: true; readonly requests: readonly InterfaceRequest[] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/**
 * Adds to each interface the claim that the object's author named for it. The annotation is one claim name if only one
 * interface can be meant, otherwise a JSON map from interface names to claim names.
 */
export function withClaims(requests: readonly InterfaceRequest[], annotation: string | undefined): RequestsWithClaims {
  const text = annotation?.trim() ?? '';
  if (text === '') return { ok: true, requests };
  return text.startsWith('{') ? byMap(requests, text) : bySingleName(requests, text);
}

/**
 * Does the same for an update. The annotation was written for the interfaces that existed before. Only a map can name the
 * new ones, and an interface that it names may no longer exist.
 */
export function withClaimsOfUpdate(
  requests: readonly InterfaceRequest[],
  annotation: string | undefined,
): readonly InterfaceRequest[] {
  const text = annotation?.trim() ?? '';
  const parsed = claimMap.safeParse(parseJson(text));
  if (parsed.success) return requests.map((request) => ({ ...request, claim: parsed.data[request.nic] }));
  const [only] = requests;
  return text === '' || only === undefined || requests.length > 1 ? requests : [{ ...only, claim: text }];
}

function bySingleName(requests: readonly InterfaceRequest[], claim: string): RequestsWithClaims {
  const [only, another] = requests.length === 1 ? requests : requests.filter(({ wantsAddress: gets }) => gets);
  if (only === undefined)
    return refuseAnnotation('names a claim, but this object has no interface for it', 'Remove it');
  if (another !== undefined) {
    return refuseAnnotation(
      `names one claim for ${nicsOf(requests)}`,
      `Write a map, such as {${JSON.stringify(only.nic)}:"${claim}"}`,
    );
  }
  return { ok: true, requests: requests.map((request) => (request === only ? { ...request, claim } : request)) };
}

function byMap(requests: readonly InterfaceRequest[], text: string): RequestsWithClaims {
  const parsed = claimMap.safeParse(parseJson(text));
  if (!parsed.success) return refuseAnnotation('is not a JSON map from interfaces to claims', 'Correct it');
  const claims = new Map(Object.entries(parsed.data));
  const nics = new Set(requests.map(({ nic }) => nic));
  for (const nic of claims.keys()) {
    if (nics.has(nic)) continue;
    return refuseAnnotation(
      `names ${JSON.stringify(nic)}, which is not an interface of this object`,
      `Its interfaces are ${nicsOf(requests)}`,
    );
  }
  const names = [...claims.values()];
  const repeated = names.find((claim, index) => names.indexOf(claim) !== index);
  if (repeated !== undefined) {
    return refuseAnnotation(
      `names claim ${JSON.stringify(repeated)} for two interfaces`,
      'A claim is one address: name another claim',
    );
  }
  return { ok: true, requests: requests.map((request) => ({ ...request, claim: claims.get(request.nic) })) };
}

function nicsOf(requests: readonly InterfaceRequest[]): string {
  return requests.map(({ nic }) => nic).join(', ');
}

function refuseAnnotation(problem: string, next: string): RequestsWithClaims {
  return { ok: false, refusal: malformed(`Annotation ${ANNOTATIONS.allocation} ${problem}.\n${next}.`) };
}
