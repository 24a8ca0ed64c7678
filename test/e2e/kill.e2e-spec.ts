import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '@ledger/event-store';
import { MID_MONTH } from '../support/mid-month.js';
import { openReadCipher } from '../support/store-access.js';
import {
  ADMIN_TOKEN,
  startServiceProcess,
  type ServiceProcess,
} from '../support/service-process.js';

const KILLS = Number(process.env['LEDGER_TEST_KILLS'] ?? 30);
const WRITERS = 8;
/** How many answers each life of the service gives before it is killed: fewer than a second's worth. */
const ANSWERS_MIN = 12;
const QUOTA = 1_000_000;

/** What the writers know of one token: everything here was acknowledged, save for the open request. */
interface TrackedToken {
  readonly id: string;
  secrets: string[];
  revoked: boolean;
  consumedAcknowledged: number;
  consumedUnknown: number;
  unknownRotations: number;
  unknownRevoke: boolean;
}

interface OpenCreate {
  readonly key: string;
  readonly name: string;
}

const tokens: TrackedToken[] = [];
const openCreates: OpenCreate[] = [];
let acknowledged = 0;

describe('kill -9 under load', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'ledger-kill-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it(`loses nothing that was acknowledged in ${KILLS} kills, and shows nothing half-done`, async () => {
    const data = join(directory, 'data');
    for (let kill = 0; kill < KILLS; kill += 1) {
      const service = await startServiceProcess(data, MID_MONTH);
      await resolveOpenCreates(service);
      const stop = { now: false };
      const enough = acknowledged + ANSWERS_MIN;
      const writers = Promise.all(Array.from({ length: WRITERS }, () => write(service, stop)));
      let haveEnded = false;
      void writers.then(() => (haveEnded = true));
      while (acknowledged < enough && !haveEnded) await pause(5);
      // Somewhere in what comes next, which is another place each time.
      await pause((kill * 37) % 160);
      await service.kill();
      stop.now = true;
      await writers;
    }
    const service = await startServiceProcess(data, MID_MONTH);
    await resolveOpenCreates(service);
    await audit(service);
    expect(await service.stop()).toBe(0);
    expect(acknowledged).toBeGreaterThanOrEqual(KILLS * ANSWERS_MIN);

    const store = await SqliteEventStore.open({
      directory: data,
      cipher: openReadCipher(data),
    });
    const verdict = await store.verifyChain();
    await store.close();
    expect(verdict).toMatchObject({ outcome: 'intact' });
  }, 7_200_000);
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What may be sent again is, for as long as the service says that it is not ready. */
async function call(
  ...request: Parameters<typeof callOnce>
): Promise<Awaited<ReturnType<typeof callOnce>>> {
  const [, method, path, , key] = request;
  const isRepeatable = method === 'GET' || path === '/v1/verify' || key !== undefined;
  for (;;) {
    const answer = await callOnce(...request);
    if (answer.status !== 503 || !isRepeatable) return answer;
    await pause(50);
  }
}

async function callOnce(
  service: ServiceProcess,
  method: string,
  path: string,
  body?: object,
  key?: string,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(key ? { 'idempotency-key': key } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** Writes at random until the service is gone. A request without an answer is noted as unknown. */
async function write(service: ServiceProcess, stop: { now: boolean }): Promise<void> {
  while (!stop.now) {
    const own = tokens.filter(({ revoked, unknownRevoke }) => !revoked && !unknownRevoke);
    const token = own[Math.floor(Math.random() * own.length)];
    const dice = Math.random();
    const done =
      token === undefined || dice < 0.2
        ? await create(service)
        : dice < 0.75
          ? await consume(service, token)
          : dice < 0.93
            ? await rotate(service, token)
            : await revoke(service, token);
    if (!done) return;
  }
}

async function create(service: ServiceProcess): Promise<boolean> {
  const open: OpenCreate = { key: randomUUID(), name: `kill ${randomUUID()}` };
  openCreates.push(open);
  return finishCreate(service, open);
}

async function finishCreate(service: ServiceProcess, open: OpenCreate): Promise<boolean> {
  try {
    const body = { name: open.name, scopes: ['jobs'], maxQuota: QUOTA };
    const { status, json } = await call(service, 'POST', '/v1/orgs/demo/tokens', body, open.key);
    if (status !== 201) return status < 500 ? fail(`create: ${status}`) : false;
    const { id } = json['token'] as { id: string };
    tokens.push({
      id,
      secrets: [json['secret'] as string],
      revoked: false,
      consumedAcknowledged: 0,
      consumedUnknown: 0,
      unknownRotations: 0,
      unknownRevoke: false,
    });
    openCreates.splice(openCreates.indexOf(open), 1);
    acknowledged += 1;
    return true;
  } catch {
    return false;
  }
}

/** A create without an answer is repeated under its key: one token, whatever became of the first try. */
async function resolveOpenCreates(service: ServiceProcess): Promise<void> {
  for (const open of [...openCreates]) {
    expect(await finishCreate(service, open)).toBe(true);
  }
}

async function consume(service: ServiceProcess, token: TrackedToken): Promise<boolean> {
  token.consumedUnknown += 1;
  try {
    const body = { tokenId: token.id, units: 1, operation: 'job' };
    const { status } = await call(service, 'POST', '/v1/quota/consume', body);
    if (status === 200) token.consumedAcknowledged += 1;
    if (status < 500) token.consumedUnknown -= 1;
    acknowledged += 1;
    return status < 500;
  } catch {
    return false;
  }
}

async function rotate(service: ServiceProcess, token: TrackedToken): Promise<boolean> {
  token.unknownRotations += 1;
  try {
    const { status, json } = await call(
      service,
      'POST',
      `/v1/orgs/demo/tokens/${token.id}/rotate`,
      {},
    );
    if (status < 500) token.unknownRotations -= 1;
    if (status === 200) token.secrets.push(json['secret'] as string);
    acknowledged += 1;
    return status < 500;
  } catch {
    return false;
  }
}

async function revoke(service: ServiceProcess, token: TrackedToken): Promise<boolean> {
  token.unknownRevoke = true;
  try {
    const { status } = await call(service, 'POST', `/v1/orgs/demo/tokens/${token.id}/revoke`, {
      reason: 'requested',
    });
    if (status === 200) token.revoked = true;
    acknowledged += 1;
    return status < 500;
  } catch {
    return false;
  }
}

function fail(message: string): never {
  throw new Error(message);
}

/** Asks the service about everything that it acknowledged. */
async function audit(service: ServiceProcess): Promise<void> {
  const names = new Map<string, number>();
  for (const token of tokens) {
    const { status, json } = await call(service, 'GET', `/v1/orgs/demo/tokens/${token.id}`);
    expect(status).toBe(200);
    const name = json['name'] as string;
    names.set(name, (names.get(name) ?? 0) + 1);
    if (token.revoked) expect(json['status']).toBe('revoked');
    else if (!token.unknownRevoke) expect(json['status']).toBe('active');

    const quota = (await call(service, 'GET', `/v1/orgs/demo/tokens/${token.id}/quota`)).json;
    const consumed = quota['consumed'] as number;
    expect(consumed).toBeGreaterThanOrEqual(token.consumedAcknowledged);
    expect(consumed).toBeLessThanOrEqual(token.consumedAcknowledged + token.consumedUnknown);
    await auditSecrets(service, token);
  }
  expect([...names.values()].filter((count) => count > 1)).toEqual([]);
}

async function auditSecrets(service: ServiceProcess, token: TrackedToken): Promise<void> {
  const codes: unknown[] = [];
  for (const secret of token.secrets) {
    codes.push((await call(service, 'POST', '/v1/verify', { token: secret })).json['code']);
  }
  if (token.revoked) {
    expect(new Set(codes)).toEqual(new Set(['REVOKED']));
    return;
  }
  if (token.unknownRevoke) return;
  const valid = codes.filter((code) => code === 'VALID').length;
  expect(codes.every((code) => code === 'VALID' || code === 'ROTATED')).toBe(true);
  // The newest secret may be one that an unanswered rotation made.
  expect(valid).toBeLessThanOrEqual(1);
  if (token.unknownRotations === 0) expect(valid).toBe(1);
}
