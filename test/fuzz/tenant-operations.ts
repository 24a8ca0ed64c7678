import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'yaml';
import { SOCMATE_SCOPES } from '@ledger/domain';
import { OPERATIONS, type Operation, type Parameter } from './fuzz-requests.js';
import type { Kind } from './tenant.js';

type Schema = Readonly<Record<string, unknown>>;

/** A place of a request that names something which belongs to an organization. */
export interface Place {
  readonly where: 'path' | 'query' | 'header' | 'body';
  readonly name: string;
  /** Members and indices that lead there; of one step, unless it lies in a body. */
  readonly path: readonly string[];
  readonly kind: Kind;
}

/** One operation of any dialect, with every place in which it takes a name. */
export interface TenantOperation extends Operation {
  readonly dialect: 'native' | 'socket' | 'socmate';
  readonly places: readonly Place[];
  /** Whether it ends what it names. */
  readonly ends: boolean;
  readonly [fc.toStringMethod]: () => string;
}

const KINDS: Readonly<Record<Place['where'], Readonly<Record<string, Kind>>>> = {
  path: {
    ...{ org: 'org', org_slug: 'slug', id: 'token', secretId: 'secretId', userId: 'user' },
    ...{ gatewayId: 'gateway', revocationId: 'revocation', leaseId: 'lease', key_id: 'key' },
    tokenId: 'personalToken',
  },
  query: {
    ...{ org: 'org', ownerId: 'user', actor: 'user', tokenId: 'token', cursor: 'cursor' },
    ...{ q: 'word', scope: 'word', search: 'word', stream: 'stream' },
    ...{ after: 'position', atPosition: 'position' },
  },
  header: { 'Idempotency-Key': 'idempotencyKey', 'Last-Event-ID': 'position' },
  body: {
    ...{ token: 'secret', tokenId: 'token', organization: 'slug', organizationSlug: 'slug' },
    ...{ ownerId: 'lent', adminUserId: 'user', slug: 'slug' },
    ...{ uuid: 'socketToken', id: 'socketSecretId', hash: 'digest' },
  },
};

/** Names in the path of what belongs to nobody, and a value that is there. */
export const PUBLIC_NAMES: Readonly<Record<string, string>> = {
  asset: 'start.js',
  code: 'not-found',
};

function kindOf(where: Place['where'], name: string, path: string): Kind | undefined {
  if (where === 'path' && name === 'id') {
    if (path.startsWith('/v1/users')) return 'user';
    if (!path.startsWith('/v1')) return 'socketToken';
  }
  return KINDS[where][name];
}

/** The text members of a body that name something, wherever they lie. */
function placesIn(schema: Schema, path: readonly string[] = []): readonly Place[] {
  const {
    properties = {},
    items,
    anyOf = [],
  } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
    readonly anyOf?: readonly Schema[];
  };
  const name = path.at(-1) ?? '';
  const kind = KINDS.body[name];
  const isText = [schema, ...anyOf].some(({ type }) => type === 'string');
  const here: readonly Place[] = kind && isText ? [{ where: 'body', name, path, kind }] : [];
  const below = Object.entries(properties).flatMap(([member, each]) =>
    placesIn(each, [...path, member]),
  );
  const inItems = items ? placesIn(items, [...path, '0']) : [];
  return [...here, ...below, ...inItems, ...anyOf.flatMap((each) => placesIn(each, path))];
}

function placed(operation: Operation, dialect: TenantOperation['dialect']): TenantOperation {
  const { path, parameters, body } = operation;
  const named = parameters.flatMap(({ in: where, name }): readonly Place[] => {
    const kind = kindOf(where, name, path);
    if (kind) return [{ where, name, path: [name], kind }];
    if (where === 'path' && !(name in PUBLIC_NAMES)) throw new Error(`nothing fits {${name}}`);
    return [];
  });
  const places = [...named, ...(body ? placesIn(body.schema) : [])];
  const ends = operation.method === 'DELETE' || /revoke/i.test(operation.operationId);
  // Reports name the operation, and leave its schemas out.
  return { ...operation, dialect, places, ends, [fc.toStringMethod]: () => operation.operationId };
}

const parameter = (where: Parameter['in'], name: string, schema: Schema = { type: 'string' }) => ({
  ...{ in: where, name, schema },
});
const inPath = (path: string): readonly Parameter[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter('path', name!));
const KEY = parameter('header', 'Idempotency-Key');
const json = (schema: Schema): NonNullable<Operation['body']> => ({
  ...{ mediaType: 'application/json', schema },
});

const native = OPERATIONS.map((each): Operation => {
  if (each.operationId !== 'readEvents') return each;
  return { ...each, parameters: [...each.parameters, parameter('header', 'Last-Event-ID')] };
});

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { schema: Schema } } };
}

const described = ['socket-api-tokens', 'socket-audit-log'].flatMap((name) => {
  const text = readFileSync(`test/reference/${name}.openapi.yaml`, 'utf8');
  const { paths } = parse(text) as { paths: Record<string, Record<string, Described>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]): Operation => {
      const { operationId, parameters = [], requestBody } = each;
      const schema = requestBody?.content['application/json'].schema;
      return {
        ...{ operationId, method: method.toUpperCase(), path: `/v0${path}` },
        parameters: method === 'post' ? [...parameters, KEY] : parameters,
        // The document lets every identifier be left out, and some routes take one that it does not name.
        ...(schema ? { body: json(withIdentifiers(schema)) } : {}),
      };
    }),
  );
});

function withIdentifiers(schema: Schema): Schema {
  const { properties } = schema as { readonly properties: Readonly<Record<string, Schema>> };
  if (!('uuid' in properties)) return schema;
  return { ...schema, properties: { ...properties, id: { type: 'string' } } };
}

/** The paths of the older client: other names of the same routes, with the token in the path. */
const older = described.flatMap((operation): readonly Operation[] => {
  const { operationId, path, parameters } = operation;
  if (!path.includes('/api-tokens')) return [];
  const [start = '', verb] = path.split('/api-tokens');
  const isOfOne = verb !== '';
  const olderPath = `${start}/tokens${isOfOne ? `/{id}${verb}` : ''}`;
  const inTheirs = isOfOne ? [parameter('path', 'id')] : [];
  const theirs = { operationId: `${operationId}Older`, path: olderPath };
  return [{ ...operation, ...theirs, parameters: [...parameters, ...inTheirs] }];
});

const ADMIN_KEYS = '/api/admin/api-keys';
const days = (maximum: number): Schema => ({ type: 'integer', minimum: 1, maximum });
const socmate: readonly Operation[] = [
  {
    ...{ operationId: 'createKey', method: 'POST', path: ADMIN_KEYS, parameters: [KEY] },
    body: json({
      type: 'object',
      required: ['name', 'scopes'],
      properties: {
        name: { type: 'string', pattern: '^[a-z]+$' },
        scopes: { type: 'array', items: { enum: SOCMATE_SCOPES } },
        expires_in_days: days(3650),
      },
    }),
  },
  {
    ...{ operationId: 'listKeys', method: 'GET', path: ADMIN_KEYS },
    parameters: [parameter('query', 'search'), parameter('query', 'limit', days(100))],
  },
  {
    ...{ operationId: 'rotateKey', method: 'POST', path: `${ADMIN_KEYS}/{key_id}/rotate` },
    parameters: [parameter('path', 'key_id'), KEY],
    body: json({ type: 'object', properties: { grace_period_days: days(365) } }),
  },
  {
    ...{ operationId: 'disableKey', method: 'DELETE', path: `${ADMIN_KEYS}/{key_id}` },
    parameters: [parameter('path', 'key_id'), KEY],
  },
  ...['/api/v1/incidents', '/api/v1/incidents/{key_id}', '/api/v1/sessions/{id}'].map((path) => ({
    ...{ operationId: `data ${path}`, method: 'GET', path, parameters: inPath(path) },
  })),
  { operationId: 'authorize', method: 'GET', path: '/internal/authorize', parameters: [] },
];

/** Every operation of every dialect but those that are followed without end. */
export const TENANT_OPERATIONS: readonly TenantOperation[] = [
  ...native.map((each) => placed(each, 'native')),
  ...[...described, ...older].map((each) => placed(each, 'socket')),
  ...socmate.map((each) => placed(each, 'socmate')),
];
