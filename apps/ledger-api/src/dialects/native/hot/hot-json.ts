import type { ValidateFunction } from 'ajv';
import { Failed } from '../../../http/answer.js';
import { parseJsonBody } from '../../../http/json-text.js';
import type { Fault } from '../problems/problem.js';

/** What a hot route read: its input, or everything that is wrong with it. */
export type HotInput<Input> = { readonly input: Input } | { readonly faults: readonly Fault[] };

/** Validators of one body: one that stops at the first fault, and one that names them all. */
export interface HotValidators<Input> {
  readonly quick: ValidateFunction<Input>;
  readonly thorough: ValidateFunction<Input>;
}

/**
 * Reads a body as the strict parser and the schema would, only faster: what is plain is accepted here,
 * and all the rest is left to them. A property test holds the two equal.
 */
export function readHotBody<Input>(
  body: Buffer,
  { quick, thorough }: HotValidators<Input>,
): HotInput<Input> {
  const plain = readPlain(body, quick);
  return plain === undefined ? readStrictly(body, thorough) : { input: plain };
}

/** The input, or undefined when the strict parser must have a look: never a refusal of its own. */
export function readPlain<Input>(
  body: Buffer,
  isValid: ValidateFunction<Input>,
): Input | undefined {
  const text = body.toString('utf8');
  // A replacement character may stand for bytes that are no UTF-8, and an escape for a quote or a key.
  if (text.includes('\ufffd') || text.includes('\\')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isValid(value)) return undefined;
  // Without escapes every string takes two quotes. A key that came twice took two more than are left.
  return countQuotes(text) === 2 * countStrings(value) ? value : undefined;
}

/** @returns The input, or the faults that the strict parser or the schema finds. */
export function readStrictly<Input>(
  body: Buffer,
  validate: ValidateFunction<Input>,
): HotInput<Input> {
  let value: unknown;
  try {
    value = parseJsonBody(body);
  } catch (error) {
    if (!(error instanceof Failed) || error.failure.kind !== 'malformed') throw error;
    return { faults: [{ pointer: '', message: error.failure.message }] };
  }
  if (validate(value)) return { input: value };
  return { faults: schemaFaults(validate) };
}

function schemaFaults({ errors }: ValidateFunction): readonly Fault[] {
  return (errors ?? []).map(({ instancePath, keyword, params, message }) => {
    if (keyword === 'additionalProperties') {
      const name = String((params as { additionalProperty: unknown }).additionalProperty);
      const token = name.replaceAll('~', '~0').replaceAll('/', '~1');
      return { pointer: `${instancePath}/${token}`, message: 'is not known here' };
    }
    if (keyword === 'required') {
      const { missingProperty } = params as { missingProperty: string };
      return { pointer: `${instancePath}/${missingProperty}`, message: 'is required' };
    }
    return { pointer: instancePath, message: message ?? 'is invalid' };
  });
}

const QUOTE = 0x22;

function countQuotes(text: string): number {
  let quotes = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) === QUOTE) quotes += 1;
  return quotes;
}

/** Keys and texts of a value that the schema has bounded in depth and size. */
function countStrings(value: unknown): number {
  if (typeof value === 'string') return 1;
  if (value === null || typeof value !== 'object') return 0;
  let strings = 0;
  if (Array.isArray(value)) {
    for (const item of value) strings += countStrings(item);
    return strings;
  }
  const members = value as Readonly<Record<string, unknown>>;
  for (const key in members) strings += 1 + countStrings(members[key]);
  return strings;
}
