import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandContext } from '@ledger/commands';
import type { OrganizationRow } from '@ledger/read-models';
import type { HttpRequest } from '../../http/exchange.js';
import type { Caller } from '../../http/caller.js';
import { commandContext, idempotencyKey } from '../../http/request-context.js';
import type { RouteContract } from './routes/route-contract.js';

/** What the guard found out, for the controller. */
export interface NativeRequest extends FastifyRequest {
  caller: Caller;
  /** The organization in the path, where the route has one. */
  organization: OrganizationRow | undefined;
  input: { readonly query: object | undefined; readonly body: object | undefined };
}

export type NativeReply = FastifyReply;

/** The input that the guard read by the contract of this very route. */
export function queryOf<Query extends object>(
  request: NativeRequest,
  _contract: RouteContract<Query, object>,
): Query {
  return request.input.query as Query;
}

export function bodyOf<Body extends object>(
  request: NativeRequest,
  _contract: RouteContract<object, Body>,
): Body {
  return request.input.body as Body;
}

export function organizationOf({ organization }: NativeRequest): OrganizationRow {
  if (!organization) throw new Error('the guard resolves the organization of this route');
  return organization;
}

export function contextOf(request: NativeRequest): CommandContext {
  const key = idempotencyKey(request) ?? null;
  return commandContext(request, request.caller.principal, 'native', key);
}

/** The revision that If-Match names. */
export type IfMatch =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'malformed' }
  | { readonly outcome: 'revisions'; readonly revisions: readonly number[] };

const ETAG = '(?:W/)?"[\\x21\\x23-\\x7e]*"';
const ETAG_LIST = new RegExp(`^${ETAG}(?:[ \\t]*,[ \\t]*${ETAG})*$`);
const OWN_ETAG = /^"([1-9]\d{0,14})"$/;
const HEADER_LENGTH_MAX = 1024;

/**
 * Reads If-Match. `*` asks for any living revision, which every write does anyway. Tags that this
 * service never gives out match nothing.
 */
export function ifMatchOf(request: HttpRequest): IfMatch {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return { outcome: 'absent' };
  if (header.length > HEADER_LENGTH_MAX || !ETAG_LIST.test(header)) return { outcome: 'malformed' };
  const revisions = header
    .split(',')
    .map((tag) => OWN_ETAG.exec(tag.trim())?.[1])
    .filter((revision) => revision !== undefined)
    .map(Number);
  return { outcome: 'revisions', revisions };
}

/** The entity tag of a token. */
export function etagOf(revision: number): string {
  return `"${revision}"`;
}

const POSITION = /^(?:0|[1-9]\d{0,18})$/;

/** Ledger-Min-Position: the position to wait for, null when absent, undefined when malformed. */
export function minPositionOf(request: HttpRequest): bigint | null | undefined {
  const header = request.headers['ledger-min-position'];
  if (header === undefined) return null;
  return typeof header === 'string' && POSITION.test(header) ? BigInt(header) : undefined;
}
