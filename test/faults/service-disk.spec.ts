import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '@ledger/event-store';
import { openReadCipher } from '../support/store-access.js';
import {
  ADMIN_TOKEN,
  startServiceProcess,
  type ServiceProcess,
} from '../support/service-process.js';
import {
  compileFailingDisk,
  EIO,
  ENOSPC,
  environmentOf,
  itWith,
  removeFailingDisk,
  type DiskFailure,
} from './failing-disk.js';

const disk = compileFailingDisk();
afterAll(() => removeFailingDisk(disk));
const WRITES = 6;

interface Answered {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly contentType: string | null;
  readonly json: Record<string, unknown>;
}

async function call(service: ServiceProcess, path: string, key?: string): Promise<Answered> {
  const response = await fetch(`${service.url}/v1/orgs/demo/tokens${path}`, {
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...(key ? { 'content-type': 'application/json', 'idempotency-key': key } : {}),
    },
    ...(key ? { method: 'POST', body: JSON.stringify({ name: key, scopes: ['jobs'] }) } : {}),
  });
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    contentType: response.headers.get('content-type'),
    json: (await response.json()) as Record<string, unknown>,
  };
}

describe('a service on a failing disk', () => {
  const root = mkdtempSync(join(tmpdir(), 'ledger-service-disk-'));
  const switchFile = join(root, 'fails-now');
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const started: ServiceProcess[] = [];
  afterEach(async () => {
    rmSync(switchFile, { force: true });
    await Promise.all(started.splice(0).map((service) => service.kill()));
  });
  const test = itWith(disk);

  /** Started on a good disk, which fails from the moment that the switch is thrown; or never, for null. */
  async function start(
    data: string,
    failure: Omit<DiskFailure, 'files'> | null,
  ): Promise<ServiceProcess> {
    const settings = { files: join(data, 'ledger.db'), switchFile, ...failure };
    const environment = failure ? environmentOf(disk.library!, settings) : {};
    const service = await startServiceProcess(data, environment);
    started.push(service);
    return service;
  }

  function throwSwitch(): void {
    writeFileSync(switchFile, '');
  }

  test('whose flush failed answers 503, ends by itself, and serves again after a restart', async () => {
    const data = join(root, 'flush');
    let service = await start(data, { call: 'flush', errno: EIO, count: 1 });
    expect((await call(service, '', 'before')).status).toBe(201);

    throwSwitch();
    const keys = Array.from({ length: WRITES }, (_, n) => `during-${n}`);
    const refused = await Promise.all(keys.map((key) => call(service, '', key)));
    for (const { status, retryAfter, contentType, json } of refused) {
      expect(status).toBe(503);
      expect(Number(retryAfter)).toBeGreaterThan(0);
      expect(contentType).toContain('application/problem+json');
      expect(json).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' });
    }
    // The signal only asks; by then the process has ended, with a code that says why.
    await until(async () => !(await answers(service)));
    expect(await service.stop()).toBe(1);

    service = await start(data, null);
    const retried = await Promise.all(keys.map((key) => call(service, '', key)));
    expect(retried.map(({ status }) => status)).toEqual(keys.map(() => 201));
    const { json } = await call(service, '?limit=100');
    expect((json['items'] as readonly object[]).length).toBe(WRITES + 1);
    expect(await service.stop()).toBe(0);
    await expectIntact(data);
  });

  test('that is full goes on reading, refuses writes, and recovers when there is room', async () => {
    const data = join(root, 'full');
    const service = await start(data, { call: 'write', errno: ENOSPC });
    expect((await call(service, '', 'before')).status).toBe(201);

    throwSwitch();
    for (let number = 0; number < WRITES; number += 1) {
      const { status, retryAfter } = await call(service, '', `during-${number}`);
      expect(status).toBe(503);
      expect(Number(retryAfter)).toBeGreaterThan(0);
      expect((await call(service, '?limit=100')).json['items']).toHaveLength(1);
    }

    rmSync(switchFile);
    // Whether there is room again is looked at once a second.
    await until(async () => (await call(service, '', 'during-0')).status === 201);
    for (let number = 0; number < WRITES; number += 1) {
      expect((await call(service, '', `during-${number}`)).status).toBe(201);
    }
    expect((await call(service, '?limit=100')).json['items']).toHaveLength(WRITES + 1);
    expect(await service.stop()).toBe(0);
    await expectIntact(data);
  });
});

async function expectIntact(data: string): Promise<void> {
  const store = await SqliteEventStore.open({ directory: data, cipher: openReadCipher(data) });
  expect(await store.verifyChain()).toMatchObject({ outcome: 'intact' });
  await store.close();
}

async function answers(service: ServiceProcess): Promise<boolean> {
  try {
    await fetch(service.url);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
