import fc from 'fast-check';
import { valueOf } from './json-arbitraries.js';
import { CALLERS, type Kind, type Tenant, type TestCaller } from './tenant.js';
import type { Call, Headers } from '../support/plain-calls.js';
import { PUBLIC_NAMES, type Place, type TenantOperation } from './tenant-operations.js';

/** One request to come. What it names is looked up when it is sent. */
export interface TenantRequest {
  readonly operation: TenantOperation;
  readonly caller: string;
  /** The places that name something of the other organization; all others name the caller's own. */
  readonly named: readonly Place[];
  /** A kind that does not belong to the place, for one request in four. */
  readonly otherKind: Kind | null;
  readonly choice: number;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

const NAMING: readonly Kind[] = [
  ...(['org', 'slug', 'user', 'personalToken', 'token', 'secretId', 'secret', 'digest'] as const),
  ...(['socketToken', 'socketSecretId', 'key', 'revocation', 'lease', 'cursor'] as const),
  ...(['idempotencyKey', 'auditEvent', 'stream'] as const),
];

/** Requests to an operation: one for each place in which it takes a name, and one that names its own only. */
export function requestsFor(operation: TenantOperation): readonly fc.Arbitrary<TenantRequest>[] {
  const { places, parameters, body, dialect } = operation;
  const query = parameters.filter(({ in: where }) => where === 'query');
  const others = query.filter(({ name }) => !places.some((place) => place.name === name));
  return [undefined, ...places].map((place) =>
    fc.record({
      operation: fc.constant(operation),
      caller: place ? fc.constantFrom<string>(...CALLERS[dialect]) : fc.constant('admin'),
      named: place ? namedAround(place, places) : fc.constant([]),
      otherKind: fc.oneof(
        { weight: 3, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(...NAMING) },
      ),
      choice: fc.nat(),
      query: fc.oneof(
        { weight: 3, arbitrary: fc.constant({}) },
        {
          weight: 1,
          arbitrary: fc.record(
            Object.fromEntries(others.map(({ name, schema }) => [name, valueOf(schema)])),
            { requiredKeys: [] },
          ),
        },
      ),
      body: body ? valueOf(body.schema) : fc.constant(undefined),
    }),
  );
}

/** Mostly one place alone, since what is wrong with it is then plain to see; else some of them or all. */
function namedAround(place: Place, places: readonly Place[]): fc.Arbitrary<readonly Place[]> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant([place]) },
    {
      weight: 2,
      arbitrary: fc.subarray([...places]).map((some) => [...new Set([place, ...some])]),
    },
  );
}

/** The request as it is sent, by what `nameOf` gives for the places that are named. */
export function composed(
  request: TenantRequest,
  own: Tenant,
  caller: TestCaller,
  nameOf: (place: Place) => string,
): Call {
  const { operation, named, choice } = request;
  const ownName = ({ kind }: Place): string => {
    // People manage their own personal tokens, and no one else's.
    const ofCaller = operation.path.startsWith('/v1/users') ? caller.names[kind] : undefined;
    // Older ones have been ended on the way.
    return ofCaller ?? own.pick(kind, kind === 'secret' ? choice : 0);
  };
  const find = (where: Place['where'], name: string): Place | undefined =>
    operation.places.find((place) => place.where === where && place.name === name);
  const given = (place: Place): string => (named.includes(place) ? nameOf : ownName)(place);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_text, name: string) => {
    const place = find('path', name);
    return encodeURIComponent(place ? given(place) : PUBLIC_NAMES[name]!);
  });
  const headers = Object.fromEntries(
    named.filter(({ where }) => where === 'header').map((place) => [place.name, nameOf(place)]),
  );
  const type = operation.body?.mediaType;
  return {
    method: operation.method,
    path: `${path}${queryOf(request, given)}`,
    headers: {
      ...{ ...acceptOf(request), 'x-forwarded-uri': '/api/v1/incidents', ...headers },
      ...caller.headers,
      ...(type === undefined ? {} : { 'content-type': type }),
    },
    body: bodyOf(request, given),
  };
}

function queryOf({ operation, named, query }: TenantRequest, given: (place: Place) => string) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    // A followed log never ends.
    if (name !== 'follow') search.set(name, String(value));
  }
  for (const place of operation.places) {
    const isWanted = named.includes(place) || place.name === 'org';
    if (place.where === 'query' && isWanted) search.set(place.name, given(place));
  }
  // What is asked of a long log is read to its end.
  if (operation.operationId === 'readEvents') search.set('limit', '50');
  return search.size === 0 ? '' : `?${search}`;
}

/** Lists that have more forms than one give each of them. */
function acceptOf({ operation, choice }: TenantRequest): Headers {
  if (operation.operationId !== 'listAuditEvents') return {};
  const types = ['application/json', 'application/x-ndjson', 'text/csv'];
  return { accept: types[choice % types.length]! };
}

function bodyOf(
  { operation, named, body }: TenantRequest,
  given: (place: Place) => string,
): string | undefined {
  if (!operation.body) return undefined;
  const places = operation.places.filter(({ where }) => where === 'body');
  let value = body;
  for (const place of places) {
    const isNamed = named.includes(place);
    if (isNamed || has(value, place.path)) value = withValue(value, place.path, given(place));
  }
  const alternatives = alternativesOf(operation, places);
  const asked = alternatives.filter((place) => named.includes(place));
  // Of several names for one thing, those are left out that were not asked for.
  const isInPath = operation.places.some(({ where, name }) => where === 'path' && name === 'id');
  const kept = asked.length > 0 || isInPath ? asked : alternatives.slice(0, 1);
  for (const place of kept) value = withValue(value, place.path, given(place));
  for (const { name } of alternatives.filter((place) => !kept.includes(place))) {
    const { [name]: _dropped, ...rest } = value as Record<string, unknown>;
    value = rest;
  }
  if (operation.body.mediaType.endsWith('json')) return JSON.stringify(value);
  return String(new URLSearchParams(value as Record<string, string>));
}

/** The members that name one and the same thing, each by another form. */
function alternativesOf(
  { operationId, dialect }: TenantOperation,
  places: readonly Place[],
): readonly Place[] {
  if (dialect === 'socket') return places.filter(({ path }) => path.length === 1);
  return ['consumeQuota', 'leaseQuota'].includes(operationId) ? places : [];
}

function has(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return typeof value === 'string';
  if (typeof value !== 'object' || value === null) return false;
  return has((value as Record<string, unknown>)[step], rest);
}

function withValue(value: unknown, [step, ...rest]: readonly string[], name: string): unknown {
  if (step === undefined) return name;
  if (step === '0') {
    const [first] = Array.isArray(value) ? (value as unknown[]) : [];
    return [withValue(first, rest, name)];
  }
  const members = typeof value === 'object' && value !== null ? value : {};
  return { ...members, [step]: withValue((members as Record<string, unknown>)[step], rest, name) };
}
