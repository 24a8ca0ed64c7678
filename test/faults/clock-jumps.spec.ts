import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '@ledger/event-store';
import { MID_MONTH_AHEAD_MS } from '../support/mid-month.js';
import { openReadCipher } from '../support/store-access.js';
import {
  ADMIN_TOKEN,
  startServiceProcess,
  type ServiceProcess,
} from '../support/service-process.js';

const DAY_MS = 86_400_000;
const HALF_A_DAY_S = 43_200;
/** Replaces the clock of a process by one that is off by what a file says, read anew each time. */
const CLOCK = `
  import { readFileSync } from 'node:fs';
  const now = Date.now;
  Date.now = () => now() + Number(readFileSync(process.env.CLOCK_OFFSET_FILE, 'utf8'));
`;

describe('a service whose machine sets its clock (X1, X3)', () => {
  const root = mkdtempSync(join(tmpdir(), 'clock-'));
  const offsetFile = join(root, 'offset');
  const data = join(root, 'data');
  let service: ServiceProcess | undefined;
  afterAll(async () => {
    await service?.kill();
    rmSync(root, { recursive: true, force: true });
  });

  const offset = (days: number): number => MID_MONTH_AHEAD_MS + days * DAY_MS;
  const setClock = (days: number): void => writeFileSync(offsetFile, String(offset(days)));
  const timeAt = (days: number): string => new Date(Date.now() + offset(days)).toISOString();

  async function start(): Promise<void> {
    service = await startServiceProcess(data, {
      CLOCK_OFFSET_FILE: offsetFile,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(CLOCK)}`,
    });
  }

  async function post(path: string, body: object) {
    const response = await fetch(`${service!.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as {
      readonly code?: string;
      readonly secret: string;
      readonly token: { readonly id: string };
      readonly quota?: { readonly window: string; readonly remaining: number };
    };
  }

  const create = (attributes: object) =>
    post('/v1/orgs/demo/tokens', { name: 'ci', ...attributes });
  const verdict = async (token: string) => (await post('/v1/verify', { token })).code;
  const until = async (token: string, code: string): Promise<void> => {
    while ((await verdict(token)) !== code) await new Promise((resolve) => setTimeout(resolve, 50));
  };

  it('brings nothing back by going back, neither while it runs nor while it is down', async () => {
    setClock(39);
    await start();
    const living = await create({ maxQuota: 5 });
    const expired = await create({ expiresAt: timeAt(39.5) });
    const rotated = await create({});
    const revoked = await create({});
    await post(`/v1/orgs/demo/tokens/${rotated.token.id}/rotate`, { graceSeconds: HALF_A_DAY_S });
    await post(`/v1/orgs/demo/tokens/${revoked.token.id}/revoke`, {});
    setClock(40);
    await post('/v1/quota/consume', { tokenId: living.token.id, units: 5 });
    await until(expired.secret, 'EXPIRED');
    await until(rotated.secret, 'ROTATED');

    const dead = async () => [
      await verdict(expired.secret),
      await verdict(rotated.secret),
      await verdict(revoked.secret),
      await verdict(living.secret),
      (await post('/v1/quota/consume', { tokenId: living.token.id, units: 1 })).code,
    ];
    const before = await dead();
    expect(before).toEqual(['EXPIRED', 'ROTATED', 'REVOKED', 'VALID', 'QUOTA_EXCEEDED']);
    setClock(0);
    expect(await dead()).toEqual(before);
    setClock(-40);
    expect(await dead()).toEqual(before);

    // What the ledger has seen is on the disk within a second of being seen; then it is killed.
    const passed = timeAt(40);
    setClock(40);
    while (readFileSync(join(data, 'ledger.clock'), 'utf8') < passed) {
      await verdict(living.secret);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await service!.kill();
    setClock(0);
    await start();
    expect(await dead()).toEqual(before);
    expect(await service!.stop()).toBe(0);

    // A mark that cannot be read takes nothing but the deadlines that only the clock knew.
    writeFileSync(join(data, 'ledger.clock'), 'not a time\n');
    await start();
    expect(await verdict(revoked.secret)).toBe('REVOKED');
    expect(await service!.stop()).toBe(0);
  });

  it('has written event times that never decrease', async () => {
    const store = await SqliteEventStore.open({ directory: data, cipher: openReadCipher(data) });
    const events = await store.readAllAfter(0n, 10_000);
    await store.close();
    const times = events.map(({ occurredAt }) => occurredAt);
    expect(times).toEqual([...times].sort());
    expect(times.length).toBeGreaterThan(10);
  });
});
