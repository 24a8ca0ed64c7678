import type { AddressInfo } from 'node:net';
import { type LogLines } from '@ledger/process';
import {
  openInMemory,
  openLedger,
  registerFirstTenant,
  WatchedEventStore,
  type Ledger,
} from '@ledger/runtime';
import { AesGcmCipher, MemoryEventStore } from '@ledger/event-store';
import { createApp } from '../../apps/ledger-api/src/app.js';
import {
  Operations,
  type OperationsOptions,
} from '../../apps/ledger-api/src/operations/operations.js';

/** Log lines kept in memory, as they would have been written. */
export class CapturedLines implements LogLines {
  lost = 0;
  readonly written: string[] = [];

  write(line: string): void {
    this.written.push(line);
  }

  flushSync(): void {
    this.lost += 0;
  }

  get text(): string {
    return this.written.join('');
  }

  /** @throws SyntaxError When any line is not one JSON object. */
  get lines(): readonly Record<string, unknown>[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  of(event: string): readonly Record<string, unknown>[] {
    return this.lines.filter((line) => line['event'] === event);
  }
}

export interface OperatedService {
  readonly url: string;
  readonly admin: string;
  readonly ledger: Ledger;
  readonly operations: Operations;
  readonly captured: CapturedLines;
  close(): Promise<void>;
}

/** The service with its log captured, on a ledger in memory or on one that a test has made. */
export async function startOperatedService(
  options: Partial<OperationsOptions> & { readonly store?: WatchedEventStore } = {},
): Promise<OperatedService> {
  const { store, ...rest } = options;
  const ledger = await (store
    ? openLedger({ ...MEMORY, store, masterKey: Buffer.alloc(32) })
    : openInMemory(MEMORY));
  const { personalToken } = await registerFirstTenant(ledger, {
    ...{ slug: 'demo', name: 'Demo', plan: 'enterprise' },
    ...{ adminEmail: 'admin@demo.invalid', adminName: 'Demo Admin' },
  });
  const captured = new CapturedLines();
  const operations = new Operations({ level: 'info', lines: captured, ...rest });
  operations.state.opened(ledger);
  const app = await createApp(ledger, operations);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    admin: personalToken.reveal(),
    ...{ ledger, operations, captured },
    async close() {
      await app.close();
      await ledger.close();
    },
  };
}

const MEMORY = {
  ledgerId: 'memory',
  readModelFile: ':memory:',
  windowLength: 'month',
  retryWindowMs: 0,
} as const;

/** A store in memory that tests make fail, hang or run ahead. */
export class TroubledStore extends WatchedEventStore {
  pendingMs = 0;
  ahead = 0n;
  readFailure: Error | undefined;

  constructor() {
    super(new MemoryEventStore(new AesGcmCipher(Buffer.alloc(32))));
  }

  override get oldestPendingMs(): number {
    return this.pendingMs;
  }

  override async head(): Promise<bigint> {
    return (await super.head()) + this.ahead;
  }

  override async readAllAfter(
    ...args: Parameters<WatchedEventStore['readAllAfter']>
  ): ReturnType<WatchedEventStore['readAllAfter']> {
    if (this.readFailure) throw this.readFailure;
    return super.readAllAfter(...args);
  }
}

/** Asks the Socket dialect for something, with a credential. */
export function call(
  { url, admin }: Pick<OperatedService, 'url' | 'admin'>,
  path: string,
  init: RequestInit & { readonly token?: string | null } = {},
): Promise<Response> {
  const { token = admin, headers, ...rest } = init;
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${url}${path}`, { ...rest, headers: { ...authorization, ...headers } });
}

export const SOCKET_TOKEN = {
  max_quota: 15,
  scopes: ['api-tokens:list'],
  visibility: 'organization',
  committer: { email: 'someone@example.invalid' },
  name: 'a token',
};

/** Creates a Socket token. */
export async function createToken(
  service: Pick<OperatedService, 'url' | 'admin'>,
  changes: object = {},
): Promise<{ readonly status: number; readonly group_uuid: string; readonly token: string }> {
  const response = await call(service, '/v0/orgs/demo/api-tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...SOCKET_TOKEN, ...changes }),
  });
  const answer = (await response.json()) as { group_uuid: string; token: string };
  return { ...answer, status: response.status };
}
