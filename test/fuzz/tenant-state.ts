import { hash } from 'node:crypto';
import type { EventStore, StoredEvent } from '@ledger/event-store';
import type { Kind, Tenant } from './tenant.js';
import { call, type Items } from '../support/plain-calls.js';

/** Everything that the organization can read of itself without being charged. */
export async function stateOf(tenant: Tenant): Promise<State> {
  const org = `/v1/orgs/${tenant.slug}`;
  const { items } = await tenant.get<Items<{ id: string }>>(`${org}/tokens?limit=200`);
  const ofTokens = items.flatMap(({ id }) =>
    ['', '/quota', '/events', '/secrets'].map((part) => `${org}/tokens/${id}${part}`),
  );
  const lists = [`${org}/members`, `${org}/tokens`, `${org}/audit-events`, '/v1/gateways'];
  const paths = [org, ...lists.map((path) => `${path}?limit=200`), ...ofTokens].concat(
    ...[`/v1/events?org=${tenant.slug}`, '/api/admin/api-keys'],
    ...tenant.names.get('revocation')!.map((id) => `/v1/revocations/${id}/propagation`),
    ...tenant.names.get('user')!.map((id) => `/v1/users/${id}`),
  );
  return read(tenant, paths);
}

/** What is read in the Socket dialect, where each call is charged, and so leaves a fact. */
export function chargedStateOf(tenant: Tenant): Promise<State> {
  const lists = ['api-tokens?per_page=100&token_values=include', 'audit-log?per_page=100'];
  return read(
    tenant,
    lists.map((list) => `/v0/orgs/${tenant.slug}/${list}`),
  );
}

async function read(tenant: Tenant, paths: readonly string[]): Promise<State> {
  const told = new Map<string, string>();
  for (const path of paths) {
    const headers = path.startsWith('/v0') ? tenant.socket : tenant.owner;
    const { status, text } = await call(tenant.url, { method: 'GET', path, headers });
    told.set(path, `${status} ${hash('sha256', text)}`);
  }
  return told;
}

/** A digest of what was read of each path. */
export type State = ReadonlyMap<string, string>;

/** The paths that tell otherwise now than before. */
export function moved(before: State, now: State): readonly string[] {
  const paths = [...new Set([...before.keys(), ...now.keys()])];
  return paths.filter((path) => before.get(path) !== now.get(path));
}

/** A digest of all events of the log that are an organization's, its people's or its tokens'. */
export async function logOf(store: EventStore, { names }: Tenant): Promise<string> {
  const kinds: readonly Kind[] = ['org', 'user', 'token', 'socketToken'];
  const ids = kinds.flatMap((kind) => names.get(kind) ?? []);
  const isTheirs = ({ streamId, metadata }: StoredEvent): boolean =>
    ids.some((id) => streamId.includes(id) || metadata.orgId === id || metadata.actor.id === id);
  const events = (await store.readAllAfter(0n, 10_000_000)).filter(isTheirs);
  if (events.length < 20) throw new Error(`only ${events.length} events are theirs`);
  const text = JSON.stringify(events, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return hash('sha256', text);
}

/** Kinds of names that two organizations may have alike, or that tell nothing. */
const SHARED_KINDS: readonly Kind[] = [
  'slug',
  'gateway',
  'position',
  'word',
  'idempotencyKey',
  'lent',
];

/** What no answer to others may hold: every name, and the word that all texts of the organization hold. */
export function canariesOf({ names, slug }: Tenant): Set<string> {
  const named = [...names].filter(([kind]) => !SHARED_KINDS.includes(kind));
  return new Set([slug, ...named.flatMap(([, each]) => each).filter((name) => name !== slug)]);
}
