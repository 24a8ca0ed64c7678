import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readGatewayConfig } from '../../../apps/ledger-gateway/src/gateway-config.js';
import { CapturedLines } from '../../operations/operated-service.js';
import { JsonLog } from '../../../apps/ledger-gateway/src/operations/log.js';
import { startGateway, type RunningGateway } from '../../../apps/ledger-gateway/src/serve.js';
import { startTestService, type TestService } from '../../support/test-service.js';

export const ROUTES = {
  routes: [
    { path: '/status', public: true },
    { methods: ['GET'], path: '/invoices/*', scopes: ['invoices:read'] },
    { methods: ['GET'], path: '/invoices', scopes: ['invoices:read'] },
    { methods: ['POST'], path: '/invoices', scopes: ['invoices:write'] },
    { path: '/exact/**', scopes: [], quota: 'exact', cost: 2 },
    { path: '/leased/**', scopes: [], quota: 'leased' },
    { path: '/other/**', scopes: [], resource: { organization: 'globex' } },
    { methods: ['GET'], path: '/any/**', scopes: [] },
  ],
};

export interface IssuedToken {
  readonly id: string;
  readonly secret: string;
}

/** A gateway in front of a real ledger, both in this process. */
export class GatewayStack {
  readonly captured = new CapturedLines();
  readonly #directory = mkdtempSync(join(tmpdir(), 'ledger-gateway-'));

  private constructor(
    readonly service: TestService,
    private running: RunningGateway | undefined,
  ) {}

  static async start(settings: NodeJS.ProcessEnv = {}): Promise<GatewayStack> {
    await farFromNextMonth();
    const service = await startTestService();
    // The gateway goes by the machine's clock.
    service.clock.set(new Date().toISOString());
    const stack = new GatewayStack(service, undefined);
    await stack.startGateway(settings);
    return stack;
  }

  get gateway(): RunningGateway {
    return this.running!;
  }

  get url(): string {
    return this.gateway.url;
  }

  async startGateway(settings: NodeJS.ProcessEnv = {}): Promise<void> {
    const routesFile = join(this.#directory, 'routes.json');
    writeFileSync(routesFile, JSON.stringify(ROUTES));
    const config = readGatewayConfig({
      ...{ PORT: '0', GATEWAY_ID: 'test', GATEWAY_ROUTES_FILE: routesFile, GATEWAY_REALM: 'demo' },
      GATEWAY_LEDGER_URL: this.service.url,
      GATEWAY_LEDGER_TOKEN: this.service.admin,
      GATEWAY_LEASE_BLOCK: '10',
      ...settings,
    });
    const log = new JsonLog({ level: 'debug', lines: this.captured });
    this.running = await startGateway(config, log, false);
    await until(() => this.gateway.gateway.follower.state === 'live');
  }

  /** Asks as a proxy would. */
  ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
    return askedAgain(() =>
      fetch(`${this.url}/auth/nginx`, {
        headers: { 'x-original-method': method, 'x-original-uri': path, ...headers },
      }),
    );
  }

  async create(body: object = {}): Promise<IssuedToken> {
    const { token, secret } = await this.call('POST', '/v1/orgs/demo/tokens', {
      ...{ name: 'ci', scopes: ['invoices:read'] },
      ...body,
    });
    return { id: (token as { id: string }).id, secret: secret as string };
  }

  /** Calls the ledger as its admin. */
  async call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const key = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const response = await askedAgain(() =>
      fetch(this.service.url + path, {
        method,
        headers: { authorization: `Bearer ${this.service.admin}`, ...(body ? key : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }),
    );
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  revoke({ id }: IssuedToken): Promise<Record<string, unknown>> {
    const body = { reason: 'requested' };
    return this.call('POST', `/v1/orgs/demo/tokens/${id}/revoke`, body);
  }

  async close(): Promise<void> {
    await this.running?.stop();
    await this.service.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The clock of the ledger is to stand still in one window of quotas, and the gateway's goes on. */
async function farFromNextMonth(): Promise<void> {
  const soon = (): Date => new Date(Date.now() + 40_000);
  while (soon().getUTCMonth() !== new Date().getUTCMonth()) await sleep(500);
}

export function bearer({ secret }: IssuedToken): { authorization: string } {
  return { authorization: `Bearer ${secret}` };
}

/** Comes back where it is told to, as callers do: a machine that stands still for seconds is no fault of the gateway. */
export async function askedAgain(ask: () => Promise<Response>): Promise<Response> {
  for (let tried = 1; ; tried += 1) {
    const answer = await ask();
    const isToComeBack = answer.status === 503 && answer.headers.has('retry-after');
    if (!isToComeBack || tried === 10) return answer;
    await answer.arrayBuffer();
    await sleep(Number(answer.headers.get('retry-after')) * 1_000);
  }
}

/** Looks again and again until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}
