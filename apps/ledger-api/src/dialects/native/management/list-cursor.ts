import { hash } from 'node:crypto';
import type { TokenPlace } from '@ledger/read-models';

/** A cursor that was not made for this list. */
export class ForeignCursor extends Error {
  override readonly name = 'ForeignCursor';
}

/**
 * Writes where a page of tokens ended. Bound to its list, so that it cannot be carried over to another
 * one, where its place would mean nothing. It grants nothing: whose list it is, the path says.
 */
export function writeCursor({ key, createdPosition }: TokenPlace, list: unknown): string {
  const parts = [digestOf(list), key, createdPosition];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** @throws ForeignCursor */
export function readCursor(cursor: string, list: unknown): TokenPlace {
  const [digest, key, createdPosition] = partsOf(cursor);
  const isPlace =
    typeof key === 'string' &&
    typeof createdPosition === 'string' &&
    /^\d{1,18}$/.test(createdPosition);
  if (!isPlace || digest !== digestOf(list)) throw new ForeignCursor();
  return { key, createdPosition };
}

/** A page of a token's history ends at a revision. */
export function writeRevisionCursor(revision: number, streamId: string): string {
  return writeCursor({ key: '', createdPosition: String(revision) }, streamId);
}

export function readRevisionCursor(cursor: string, streamId: string): number {
  return Number(readCursor(cursor, streamId).createdPosition);
}

function partsOf(cursor: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

function digestOf(list: unknown): string {
  return hash('sha256', JSON.stringify(list), 'base64url').slice(0, 16);
}
