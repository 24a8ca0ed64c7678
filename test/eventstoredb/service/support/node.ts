import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO_TENANT, openShared, registerDemoTenant, type Ledger } from '@ledger/runtime';
import { createApp } from '../../../../apps/ledger-api/src/app.js';
import { Operations } from '../../../../apps/ledger-api/src/operations/operations.js';
import type { HealthReport } from '../../../../apps/ledger-api/src/operations/health.js';
import { CapturedLines } from '../../../operations/operated-service.js';
import { grantedMs, stoodMs } from '../../../support/granted-time.js';
import { patiently } from '../../support/store-on-double.js';

/** Where the nodes of one test find their log. */
export interface TestDatabase {
  readonly connectionString: string;
  readonly streamPrefix: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Tests look into answers of every shape.
  readonly body: any;
  /** How long it took, of the time that this process had. @see grantedMs */
  readonly ms: number;
}

export interface NodeOptions {
  readonly stalenessMaxMs?: number;
  /** As the node itself reaches the database, where that differs between nodes. */
  readonly connectionString?: string;
}

/** Nodes of one ledger: a folder for what is theirs, and the key that they share. */
export class Nodes {
  readonly folder = mkdtempSync(join(tmpdir(), 'ledger-nodes-'));
  readonly keyFile = join(this.folder, 'shared.key');
  readonly #nodes = new Set<TestNode>();

  constructor(readonly database: TestDatabase) {
    writeFileSync(this.keyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
  }

  /** Starts a node with a data directory of its own, by name. */
  async start(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const { connectionString = this.database.connectionString, stalenessMaxMs = 5_000 } = options;
    const ledger = await openShared({
      database: { ...this.database, connectionString },
      directory: join(this.folder, name),
      keyFile: this.keyFile,
      windowLength: 'month',
      retryWindowMs: 0,
      stalenessMaxMs,
      startTimeoutMs: 60_000,
      begins: true,
    });
    // Safe to repeat, as a service does that starts again.
    const { personalToken } = await patiently(() => registerDemoTenant(ledger, DEMO_TENANT));
    const node = await TestNode.serve(ledger, personalToken.reveal());
    this.#nodes.add(node);
    return node;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One node of the service in this process, over real connections. */
export class TestNode {
  #closing: Promise<void> | undefined;

  private constructor(
    readonly ledger: Ledger,
    readonly admin: string,
    readonly url: string,
    readonly captured: CapturedLines,
    private readonly stop: () => Promise<void>,
  ) {}

  static async serve(ledger: Ledger, admin: string): Promise<TestNode> {
    const captured = new CapturedLines();
    const operations = new Operations({ level: 'info', lines: captured });
    operations.state.opened(ledger);
    const app = await createApp(ledger, operations);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new TestNode(ledger, admin, `http://127.0.0.1:${port}`, captured, async () => {
      // Some of fetch's connections were opened in advance, and never had a request.
      (app.getHttpServer() as Server).closeAllConnections();
      await app.close();
      await ledger.close();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.stop();
    return this.#closing;
  }

  call(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return callAt(this.url, this.admin, method, path, { body, headers });
  }

  create(attributes: object = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const body = { name: 'ci', ...attributes };
    const given = { 'idempotency-key': randomUUID(), ...headers };
    return this.call('POST', '/v1/orgs/demo/tokens', body, given);
  }

  verify(token: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call('POST', '/v1/verify', { token }, headers);
  }

  revoke(tokenId: string): Promise<Answer> {
    return this.call('POST', `/v1/orgs/demo/tokens/${tokenId}/revoke`, {});
  }

  consume(tokenId: string, units: number, key: string = randomUUID()): Promise<Answer> {
    const headers = { 'idempotency-key': key };
    return this.call('POST', '/v1/quota/consume', { tokenId, units }, headers);
  }

  async failedChecks(): Promise<readonly string[]> {
    const response = await fetch(`${this.url}/health/ready`);
    const report = (await response.json()) as HealthReport;
    if ((response.status === 200) !== (report.failed.length === 0)) {
      throw new Error(`health answers ${response.status} and says ${JSON.stringify(report)}`);
    }
    return report.failed.map(({ check }) => check);
  }

  async isAlive(): Promise<boolean> {
    return (await fetch(`${this.url}/health/live`)).status === 200;
  }
}

/** So much of a deadline may a machine take away before what is refused then says nothing of the service. */
const STOOD_MS_MAX = 300;

interface Sent {
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Calls a node as somebody, and says how long the answer took. What is refused for want of time while the machine
 * let this process stand, nodes and database and all, is asked again.
 */
export async function callAt(
  url: string,
  secret: string,
  method: string,
  path: string,
  sent: Sent = {},
): Promise<Answer> {
  for (;;) {
    const before = stoodMs();
    const answer = await callOnce(url, secret, method, path, sent);
    if (answer.status !== 503 || stoodMs() - before < STOOD_MS_MAX) return answer;
  }
}

async function callOnce(
  url: string,
  secret: string,
  method: string,
  path: string,
  { body, headers = {} }: Sent,
): Promise<Answer> {
  const start = grantedMs();
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${secret}`,
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const ms = grantedMs() - start;
  const parsed: unknown = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, body: parsed, ms };
}
