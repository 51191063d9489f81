import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import type { Refusal } from '../server/admission-review.ts';
import { malformed } from '../admit/refusals.ts';
import type { Slot } from './interface-request.ts';

const claimMap = z.record(z.string(), z.string().min(1));

export type SlotsWithClaims =
  { readonly ok: true; readonly slots: readonly Slot[] } | { readonly ok: false; readonly refusal: Refusal };

/**
 * Gives each slot the claim that the object's author named for it: one name where there is no doubt which interface is
 * meant, else a JSON map from the interfaces' names to claims.
 */
export function withClaims(slots: readonly Slot[], annotation: string | undefined): SlotsWithClaims {
  const text = annotation?.trim() ?? '';
  if (text === '') return { ok: true, slots };
  return text.startsWith('{') ? byMap(slots, text) : bySingleName(slots, text);
}

/**
 * The same for an update, where the annotation was written for the interfaces that there were before: it says nothing of
 * those that are new unless it is a map that names them, and an interface that it names may be gone.
 */
export function withClaimsOfUpdate(slots: readonly Slot[], annotation: string | undefined): readonly Slot[] {
  const text = annotation?.trim() ?? '';
  const parsed = claimMap.safeParse(parseJson(text));
  if (parsed.success) return slots.map((slot) => ({ ...slot, claim: parsed.data[slot.nic] }));
  const [only] = slots;
  return text === '' || only === undefined || slots.length > 1 ? slots : [{ ...only, claim: text }];
}

function bySingleName(slots: readonly Slot[], claim: string): SlotsWithClaims {
  const [only, another] = slots.length === 1 ? slots : slots.filter(({ gets }) => gets);
  if (only === undefined) return refuse('names a claim, but this object has no interface for it', 'Remove it');
  if (another !== undefined) {
    return refuse(
      `names one claim for ${nicsOf(slots)}`,
      `Write a map, such as {${JSON.stringify(only.nic)}:"${claim}"}`,
    );
  }
  return { ok: true, slots: slots.map((slot) => (slot === only ? { ...slot, claim } : slot)) };
}

function byMap(slots: readonly Slot[], text: string): SlotsWithClaims {
  const parsed = claimMap.safeParse(parseJson(text));
  if (!parsed.success) return refuse('is no JSON map from interfaces to claims', 'Correct it');
  const claims = new Map(Object.entries(parsed.data));
  for (const nic of claims.keys()) {
    if (slots.some((slot) => slot.nic === nic)) continue;
    return refuse(`names ${JSON.stringify(nic)}, which this object has not`, `Its interfaces are ${nicsOf(slots)}`);
  }
  const names = [...claims.values()];
  const twice = names.find((claim, index) => names.indexOf(claim) !== index);
  if (twice !== undefined) {
    return refuse(
      `names claim ${JSON.stringify(twice)} for two interfaces`,
      'A claim is one address: name another one',
    );
  }
  return { ok: true, slots: slots.map((slot) => ({ ...slot, claim: claims.get(slot.nic) })) };
}

function nicsOf(slots: readonly Slot[]): string {
  return slots.map(({ nic }) => nic).join(', ');
}

function refuse(problem: string, next: string): SlotsWithClaims {
  return { ok: false, refusal: malformed(`Annotation ${ANNOTATIONS.allocation} ${problem}.\n${next}.`) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
