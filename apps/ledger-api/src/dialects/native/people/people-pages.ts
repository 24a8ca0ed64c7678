import type { FastifyRequest } from 'fastify';
import { ForeignCursor, readCursor, writeCursor } from '../management/list-cursor.js';
import { invalidRequest } from '../problems/problem.js';
import type { ListQuery } from './people.dto.js';

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Where a page of a list ended, as its cursor says. @throws Refusal 400 for a cursor of another list. */
export function keyAfter(
  request: FastifyRequest,
  cursor: string | undefined,
  list: unknown,
): string | undefined {
  if (cursor === undefined) return undefined;
  try {
    return readCursor(cursor, list).key;
  } catch (error) {
    if (!(error instanceof ForeignCursor)) throw error;
    const message = 'must be the nextCursor of an earlier page of this very list';
    throw invalidRequest(request.id, [{ parameter: 'cursor', message }]);
  }
}

export function cursorAt(key: string, list: unknown): string {
  return writeCursor({ key, createdPosition: '0' }, list);
}

/**
 * One page of rows that are all at hand, ordered by keys of their own. It goes on after the last key and
 * not after a number of rows, so that what is added or removed meanwhile moves nothing.
 *
 * @param list Names the list, so that a cursor of another one is refused.
 */
export function pageOfRows<Row, Item>(
  request: FastifyRequest,
  { cursor, limit }: ListQuery,
  list: unknown,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  view: (row: Row) => Item,
): Page<Item> {
  const after = keyAfter(request, cursor, list);
  const following = rows
    .map((row) => ({ key: keyOf(row), row }))
    .filter(({ key }) => after === undefined || key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = following.slice(0, Number(limit));
  const last = following.length > page.length ? page.at(-1) : undefined;
  return {
    items: page.map(({ row }) => view(row)),
    nextCursor: last ? cursorAt(last.key, list) : null,
  };
}
