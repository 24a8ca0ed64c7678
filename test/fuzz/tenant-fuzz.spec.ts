import fc from 'fast-check';
import { ServedRoutes } from '../http/served-routes.js';
import { InvalidationStream } from '../support/invalidation-stream.js';
import { CALLERS, Tenant, type TestCaller } from './tenant.js';
import { shown } from './tenant-answers.js';
import { call, type Answer } from '../support/plain-calls.js';
import { TENANT_OPERATIONS, type Place } from './tenant-operations.js';
import { composed, requestsFor, type TenantRequest } from './tenant-requests.js';
import { canariesOf, chargedStateOf, logOf, moved, stateOf, type State } from './tenant-state.js';
import { unknownLike } from './unknown-names.js';

const LONG = process.env['LEDGER_TEST_LONG'] !== undefined;
const CALLS = Number(process.env['LEDGER_TENANT_CALLS'] ?? (LONG ? 50_000 : 3_000));
const SEED = Number(process.env['LEDGER_FUZZ_SEED'] ?? 20261123);
const REPLAY = `LEDGER_TENANT_CALLS=${CALLS} LEDGER_FUZZ_SEED=${SEED}`;

// Each operation in each round, so that a few rounds reach all of them.
const REQUESTS = TENANT_OPERATIONS.flatMap(requestsFor);
/** Most requests are sent twice: for what is there, and for what is not. */
const ROUNDS = Math.ceil(CALLS / (1.5 * REQUESTS.length));

let served: ServedRoutes;
let ours: Tenant;
let theirs: Tenant;
/** One more that nobody calls for: where a dialect tells that an organization is another's, not whose. */
let third: Tenant;
let stateBefore: State;
let chargedBefore: State;
let logBefore: string;
let canaries: Set<string>;
let calls = 0;
const callers = new Map<string, TestCaller>();
/** Names of theirs that callers gave to something of their own, as everybody may. */
const taken = new Set<string>();
const met = new Map<string, Set<number>>();

beforeAll(async () => {
  served = await ServedRoutes.start();
  const { url, admin, clock } = served.service;
  // One after another: what is older must gain nothing by it.
  const opened = async (slug: string): Promise<Tenant> => {
    clock.advance(1000);
    return Tenant.open(url, admin, slug);
  };
  ours = await opened('acme');
  theirs = await opened('globex');
  third = await opened('initech');
  for (const tenant of [ours, theirs]) {
    for (let time = 0; time < 3; time += 1) await tenant.furnish();
  }
  canaries = canariesOf(theirs);
  chargedBefore = await chargedStateOf(theirs);
  stateBefore = await stateOf(theirs);
  logBefore = await logOf(served.service.ledger.store, theirs);
});
afterAll(() => served.service.close());

async function callerOf({ operation, caller }: TenantRequest): Promise<TestCaller> {
  const { dialect } = operation;
  const known = callers.get(`${dialect} ${caller}`);
  if (known) return known;
  const made = await ours.caller(dialect, caller);
  callers.set(`${dialect} ${caller}`, made);
  return made;
}

async function send(
  request: TenantRequest,
  nameOf: (place: Place) => string,
  isRenewed = false,
): Promise<Answer> {
  const { operation, caller } = request;
  const answer = await call(ours.url, composed(request, ours, await callerOf(request), nameOf));
  calls += 1;
  const isGone = answer.status === 401 || (answer.status === 429 && operation.dialect === 'socket');
  // Callers end themselves on the way, and spend what they have; who is gone is replaced.
  if (isGone && !isRenewed) {
    callers.delete(`${operation.dialect} ${caller}`);
    return send(request, nameOf, true);
  }
  const statuses = met.get(operation.operationId) ?? new Set();
  met.set(operation.operationId, statuses.add(answer.status));
  return answer;
}

/** Sends a request for what is theirs, and again for what is nobody's. */
async function judge(request: TenantRequest): Promise<void> {
  const { named, choice, operation, otherKind } = request;
  const theirName = ({ kind }: Place): string => {
    const isFree = ['position', 'gateway', 'lent', 'user'].includes(kind);
    return theirs.pick(isFree ? kind : (otherKind ?? kind), choice);
  };
  const nobodysName = (place: Place): string => {
    const name = theirName(place);
    // That an organization is there, and another's, is told in this dialect; it must not tell whose.
    const isForeign = place.name === 'org_slug' && name === theirs.slug;
    return isForeign ? third.slug : unknownLike(name, choice);
  };
  const told = async (nameOf: (place: Place) => string): Promise<Answer> => {
    const answer = await send(request, nameOf);
    await allow(request, nameOf, answer);
    check(request, answer);
    return answer;
  };
  await callerOf(request);
  const isTaken = named.some((place) => taken.has(ownedAs(request, place, theirName(place))));
  const first = await told(theirName);
  if (named.length === 0 || isTaken || !isComparable(request, first)) return;
  const second = await told(nobodysName);
  const names = named.flatMap((place) => [theirName(place), nobodysName(place)]);
  if (shown(request, first, names) === shown(request, second, names)) return;
  if (operation.method !== 'GET') throw fault(request, toldApart(first, second));
  // What is listed may have grown between the two.
  const [again, nobodys] = [await told(theirName), await told(nobodysName)];
  if (shown(request, again, names) === shown(request, nobodys, names)) return;
  throw fault(request, toldApart(again, nobodys));
}

const toldApart = (theirs: Answer, nobodys: Answer): string =>
  `tells what is theirs, ${theirs.status} ${theirs.text}\nfrom what is nobody's, ${nobodys.status} ${nobodys.text}`;

/** What becomes of a name that the caller may choose freely, and of people, is said in the documents. */
function isComparable({ named, operation }: TenantRequest, { status }: Answer): boolean {
  if (named.some(({ kind }) => kind === 'position')) return false;
  // An idempotency key is its caller's: what is asked under it is done, and done once.
  if (named.some(({ kind }) => kind === 'idempotencyKey')) return status >= 400;
  return operation.operationId !== 'setMember';
}

/** A gateway is its organization's, and an idempotency key its caller's on one route. */
function ownedAs({ operation, caller }: TenantRequest, { kind }: Place, name: string): string {
  if (kind !== 'idempotencyKey') return name;
  const headers = callers.get(`${operation.dialect} ${caller}`)?.headers;
  return JSON.stringify([name, operation.operationId, headers]);
}

/** What a caller may name freely is theirs from then on, and no canary any more. */
async function allow(
  request: TenantRequest,
  nameOf: (place: Place) => string,
  { status }: Answer,
): Promise<void> {
  const { operation, named } = request;
  if (operation.method === 'GET') return;
  for (const place of named) {
    // A key counts from the charge on, whatever becomes of what is asked.
    if (place.kind === 'idempotencyKey' || (place.kind === 'gateway' && status < 300)) {
      taken.add(ownedAs(request, place, nameOf(place)));
    }
  }
  const person = personAdded(request);
  if (!person || status >= 300) return;
  canaries.delete(nameOf(person));
  await ours.setMember(nameOf(person), null);
}

/** People belong to no organization: an admin who knows their id adds them, and so learns their name. */
function personAdded({ operation, named }: TenantRequest): Place | undefined {
  if (operation.operationId !== 'setMember') return undefined;
  return named.find(({ kind }) => kind === 'user');
}

function check(request: TenantRequest, { status, text, headers }: Answer): void {
  if (status >= 500) throw fault(request, `answered ${status}: ${text}`);
  if (status < 300 && personAdded(request)) return;
  const all = `${text}\n${[...headers.values()].join('\n')}`;
  for (const canary of canaries) {
    if (all.includes(canary)) throw fault(request, `tells ${canary}: ${text}`);
  }
}

function fault({ operation, caller, named }: TenantRequest, reason: string): Error {
  const places = named.map(({ where, path }) => `${where} ${path.join('/')}`).join(', ');
  const who = `${operation.operationId} (${places}) by ${caller} of ${operation.dialect}`;
  return new Error(`${who} ${reason}\nreplay: ${REPLAY}`);
}

const depth = ({ operation }: TenantRequest): number => operation.path.split('/').length;

/** First what names its callers' own things only. What ends something comes last, its parts before itself. */
function inTurns(round: readonly TenantRequest[]): readonly (readonly TenantRequest[])[] {
  const own = round.filter(({ named }) => named.length === 0);
  const others = round.filter(({ named }) => named.length > 0);
  return [own, others].flatMap((requests) => [
    requests.filter(({ operation }) => !operation.ends),
    requests.filter(({ operation }) => operation.ends).sort((a, b) => depth(b) - depth(a)),
  ]);
}

it('knows every route that is served', () => {
  const known = TENANT_OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  // Probes are nobody's. What is followed is tested below.
  const others =
    /^(?:HEAD .*|GET \/(?:health\/.*|metrics|v1\/invalidations)|[A-Z]+ \/api\/v1\/\*)$/;
  const missing = served.all
    .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
    .filter((route) => !others.test(route) && !known.includes(route));
  expect(missing).toEqual([]);
});

it(`tells callers of one organization nothing of another in ${CALLS} calls (${REPLAY})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.tuple(...REQUESTS), async (round) => {
      for (const requests of inTurns(round)) {
        await ours.furnish();
        for (const request of requests) await judge(request);
      }
    }),
    // The requests build on one another, so a shorter one would not fail for the same reason.
    { numRuns: ROUNDS, seed: SEED, endOnFailure: true },
  );
  expect(calls).toBeGreaterThanOrEqual(CALLS);
}, 7_200_000);

it('reached every operation that is open to an organization, so that nothing else refused', () => {
  const forOperators = ['createOrganization', 'createUser'];
  const unreached = TENANT_OPERATIONS.filter(({ operationId }) => {
    const isDone = [...(met.get(operationId) ?? [])].some((status) => status < 300);
    return isDone === forOperators.includes(operationId);
  });
  const told = unreached.map(
    ({ operationId: id }) => `${id} ${[...(met.get(id) ?? [])].join(' ')}`,
  );
  expect(told).toEqual([]);
});

it('left the other organization as it was: its state, and its part of the log', async () => {
  expect(await logOf(served.service.ledger.store, theirs)).toBe(logBefore);
  expect(moved(stateBefore, await stateOf(theirs))).toEqual([]);
  expect(moved(chargedBefore, await chargedStateOf(theirs))).toEqual([]);
});

it('carries nothing of another organization in a stream that is followed', async () => {
  const head = await served.service.ledger.store.head();
  for (const caller of CALLERS.native.filter((name) => name !== 'member')) {
    const { authorization } = (await ours.caller('native', caller)).headers;
    const headers = { 'last-event-id': '0' };
    const stream = await InvalidationStream.open(ours.url, authorization!, headers);
    for (let at = 0n; at < head;) {
      const event = await stream.next('ledger-position');
      at = BigInt((event!.data as { position: string }).position);
    }
    stream.cut();
    const text = JSON.stringify(stream.seen);
    expect(text).toContain('token-revoked');
    expect([...canaries].filter((canary) => text.includes(canary))).toEqual([]);
  }
});

it('lets nobody move an organization by making its people members of their own', async () => {
  const before = await stateOf(theirs);
  for (const userId of theirs.names.get('user')!) await ours.setMember(userId, 'member');
  // The organizations of a person are their own.
  const parts = moved(before, await stateOf(theirs));
  expect(parts.filter((part) => !part.startsWith('/v1/users/'))).toEqual([]);
});
