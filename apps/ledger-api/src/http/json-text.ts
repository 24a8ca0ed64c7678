import { Failed } from './answer.js';

const DEPTH_MAX = 10;
const KEYS_MAX = 100;
const ITEMS_MAX = 500;
/** What every object has already: as a key it would reach into a prototype, or be taken for a method. */
const FORBIDDEN_KEYS: readonly string[] = [
  'prototype',
  ...Object.getOwnPropertyNames(Object.prototype),
];

/**
 * Reads a request body as JSON, more strictly than JSON.parse: UTF-8 only, no duplicate keys, no keys that
 * reach into prototypes, bounded depth and size (H2, H3, H5).
 *
 * @returns undefined for an empty body. @throws Failed `malformed`, saying what is wrong.
 */
export function parseJsonBody(body: unknown): unknown {
  if (body === undefined || body === null) return undefined;
  if (!Buffer.isBuffer(body)) throw malformed('The body could not be read.');
  if (body.length === 0) return undefined;
  const text = decodeUtf8(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('The body is not valid JSON.');
  }
  if (value !== null && typeof value === 'object') checkShape(text);
  return value;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw malformed('The body is not UTF-8.');
  }
}

interface Level {
  readonly keys: Set<string> | null;
  items: number;
}

/** Walks valid JSON once, without recursion, since depth is what is being checked. */
function checkShape(text: string): void {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === '{' || character === '[') {
      if (levels.length >= DEPTH_MAX)
        throw malformed(`The body is nested deeper than ${DEPTH_MAX}.`);
      levels.push({ keys: character === '{' ? new Set() : null, items: 0 });
    } else if (character === '}' || character === ']') {
      levels.pop();
    } else if (character === ',') {
      const level = levels.at(-1)!;
      level.items += 1;
      if (level.items >= ITEMS_MAX) throw malformed(`A list holds more than ${ITEMS_MAX} items.`);
    } else if (character === '"') {
      const end = endOfString(text, at);
      const level = levels.at(-1)!;
      if (level.keys && isKey(text, end))
        addKey(level.keys, JSON.parse(text.slice(at, end)) as string);
      at = end - 1;
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return text[at] === ':';
}

function addKey(keys: Set<string>, key: string): void {
  if (keys.has(key)) throw malformed(`The key ${JSON.stringify(key)} appears twice.`);
  if (FORBIDDEN_KEYS.includes(key))
    throw malformed(`The key ${JSON.stringify(key)} is not allowed.`);
  keys.add(key);
  if (keys.size > KEYS_MAX) throw malformed(`An object holds more than ${KEYS_MAX} keys.`);
}

function malformed(message: string): Failed {
  return new Failed({ kind: 'malformed', message });
}
