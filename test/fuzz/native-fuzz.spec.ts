import fc from 'fast-check';
import { NativeWorld, UNKNOWN_ID } from '../native/support/native-world.js';
import type { NativeAnswer, NativeClient } from '../native/support/native-client.js';
import { CALLERS, OPERATIONS, requestFor, type FuzzRequest } from './fuzz-requests.js';
import { KnownNames } from './known-names.js';

const LONG = process.env['LEDGER_TEST_LONG'] !== undefined;
const ROUNDS = Number(process.env['LEDGER_FUZZ_ROUNDS'] ?? (LONG ? 800 : 200));
const SEED = Number(process.env['LEDGER_FUZZ_SEED'] ?? 20261123);
/** What a request may leave behind although it was refused: that its caller was here. */
const TRACES = ['TokenUsed'];

type Named = Exclude<FuzzRequest['caller'], object>;

let world: NativeWorld;
const names = new KnownNames();
const callers = new Map<Named, NativeClient>();
const met = new Map<string, Set<number>>();

beforeAll(async () => {
  world = await NativeWorld.start();
  await world.organization('other');
  names.add('org', 'demo');
  for (const name of CALLERS) await renew(name);
});
afterAll(() => world.close());

/** Callers end themselves and one another on the way; who is gone is replaced. */
async function renew(name: Named): Promise<void> {
  if (name === 'operator') {
    const operator = await world.person({ operator: true });
    for (const slug of ['demo', 'other']) await world.setMember(operator.userId, 'admin', slug);
    names.add('user', operator.userId);
    callers.set(name, operator.client);
  } else if (name === 'token' || name === 'bare token') {
    const { client: by } = await world.user('admin');
    const scopes = name === 'token' ? ['*', ...LEDGER_SCOPES] : [];
    const token = await world.token({ scopes, maxQuota: 1_000_000 }, by);
    names.add('token', token.id);
    names.add('secret', token.secret);
    callers.set(name, token.client);
  } else if (name === 'outsider') {
    callers.set(name, (await world.person()).client);
  } else {
    callers.set(name, (await world.user(name)).client);
  }
}

/** A secret in its grace is too rare to come about by chance alone. */
async function openGrace(): Promise<void> {
  const { client: by } = await world.user('admin');
  const { id, path } = await world.token({}, by);
  await by.post(`${path}/rotate`, { graceSeconds: 3_600 });
  const secrets = await by.get(`${path}/secrets`);
  names.add('token', id);
  names.learn(`${path}/secrets`, secrets.body, null);
}

const LEDGER_SCOPES = ['tokens:read', 'tokens:create', 'tokens:update', 'tokens:rotate']
  .concat('tokens:revoke', 'tokens:verify', 'audit:read', 'events:read')
  .map((scope) => `ledger:${scope}`);

function pathOf({ operation, choice, strange }: FuzzRequest): string {
  const below = (kind: 'secretId' | 'personalToken') => names.pick(kind, choice)?.split(' ') ?? [];
  const [tokenOfSecret, secretId] = below('secretId');
  const [personOfToken, personalToken] = below('personalToken');
  const isOfPeople = operation.path.startsWith('/v1/users');
  const found: Readonly<Record<string, string | undefined>> = {
    org: choice % 5 === 0 ? names.pick('org', choice) : 'demo',
    id: isOfPeople
      ? operation.path.includes('{tokenId}')
        ? personOfToken
        : names.pick('user', choice)
      : operation.path.includes('{secretId}')
        ? tokenOfSecret
        : names.pick('token', choice),
    secretId,
    tokenId: personalToken,
    userId: names.pick('user', choice),
    gatewayId: `edge-${choice % 3}`,
    revocationId: names.pick('revocation', choice),
    // Whose window is over comes back whatever the token.
    leaseId: choice % 2 === 0 ? names.pick('lease', choice) : `2020-01.${UNKNOWN_ID}`,
    asset: 'start.js',
    code: 'not-found',
  };
  return operation.path.replaceAll(/\{(\w+)\}/g, (_text, name: string) =>
    encodeURIComponent((strange[name] ?? found[name] ?? 'unknown').replaceAll(/\p{Cs}/gu, '?')),
  );
}

/** Puts living names in the place of some of the words that were made up. */
function bodyOf({ body, choice }: FuzzRequest): string | undefined {
  if (body === undefined || choice % 3 === 0) return body;
  const secret = names.pick('secret', choice) ?? 'none';
  return body
    .replace(/"token":"[^"]*"/, `"token":"${secret}"`)
    .replace(/^token=[^&]*/, `token=${secret}`)
    .replace(/"tokenId":"[^"]*"/, `"tokenId":"${names.pick('token', choice)}"`)
    .replace(/"adminUserId":"[^"]*"/, `"adminUserId":"${names.pick('user', choice)}"`)
    .replace(/"slug":"[^"]*"/, `"slug":"org-${choice}"`)
    .replace(/"email":"[^"]*"/, `"email":"p${choice}@example.org"`);
}

function queryOf({ query, choice }: FuzzRequest): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    // A followed log never ends; that it starts is tested elsewhere.
    if (name === 'follow' && value === 'true') continue;
    const isCursor = name === 'cursor' && choice % 2 === 0;
    search.append(name, isCursor ? (names.pick('cursor', choice) ?? '') : asText(value));
  }
  return search.size === 0 ? '' : `?${search}`;
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

async function send(request: FuzzRequest, path: string): Promise<NativeAnswer> {
  const { operation, caller, headers } = request;
  const client = typeof caller === 'string' ? callers.get(caller)! : world.with(caller.header);
  const body = bodyOf(request);
  const type = operation.body?.mediaType;
  // What is followed never ends; that it starts is tested elsewhere.
  const method = operation.operationId === 'readInvalidations' ? 'HEAD' : operation.method;
  const answer = await client.call(method, `${path}${queryOf(request)}`, {
    ...(body === undefined || operation.method === 'GET' ? {} : { body }),
    headers: { ...(type ? { 'content-type': type } : {}), ...headers },
    repeats: 'Idempotency-Key' in headers,
  });
  if (answer.status === 401 && typeof caller === 'string') await renew(caller);
  return answer;
}

/** Sends one request and judges its answer; that it is as documented is judged by the client. */
async function judge(request: FuzzRequest): Promise<void> {
  const { operationId } = request.operation;
  const { store } = world.service.ledger;
  const before = await store.head();
  const path = pathOf(request);
  const answer = await send(request, path);
  const { status } = answer;
  const statuses = met.get(operationId) ?? new Set();
  met.set(operationId, statuses.add(status));
  if (status >= 500) throw new Error(`${operationId} answered ${status}: ${answer.text}`);
  if (
    / at \S+ \(|node_modules|SQLITE_|dist\/|\/src\//.test(answer.text) &&
    path.startsWith('/v1')
  ) {
    throw new Error(`${operationId} tells of the inside: ${answer.text}`);
  }
  if (status < 400) return names.learn(path, answer.body, answer.headers.get('etag'));
  const left = (await store.readAllAfter(before, 100))
    .map(({ payload }) => payload.type)
    .filter((type) => !TRACES.includes(type));
  // Callers that were renewed left their own facts.
  if (status !== 401 && left.length > 0) {
    throw new Error(`${operationId} answered ${status} and left ${left.join(', ')}`);
  }
}

let rounds = 0;

it(`answers ${ROUNDS * OPERATIONS.length} requests made from the published document by its rules`, async () => {
  const requests = fc.tuple(...OPERATIONS.map(requestFor));
  await fc.assert(
    fc.asyncProperty(requests, async (round) => {
      if ((rounds += 1) % 10 === 0) await openGrace();
      for (const request of round) await judge(request);
    }),
    // The requests build on one another, so a shorter one would not fail for the same reason.
    { numRuns: ROUNDS, seed: SEED, endOnFailure: true },
  );
  expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
}, 7_200_000);

it('reached every operation, with a success and with refusals', () => {
  const unreached = OPERATIONS.filter(({ operationId, parameters }) => {
    const statuses = [...(met.get(operationId) ?? [])];
    const canRefuse = parameters.length > 0;
    return (
      !statuses.some((status) => status < 400) ||
      (canRefuse && !statuses.includes(400) && !statuses.includes(404))
    );
  });
  expect(
    unreached.map(
      ({ operationId }) => `${operationId} ${[...(met.get(operationId) ?? [])].join(' ')}`,
    ),
  ).toEqual([]);
});
