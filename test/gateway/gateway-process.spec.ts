import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ADMIN_TOKEN,
  startServiceProcess,
  type ServiceProcess,
} from '../support/service-process.js';
import { ROUTES, until } from './support/gateway-stack.js';

const MAIN = join(process.cwd(), 'dist/apps/ledger-gateway/src/main.js');

describe('the gateway as a process of its own', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-gateway-process-'));
  const routes = join(directory, 'routes.json');
  writeFileSync(routes, JSON.stringify(ROUTES));
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, `${ADMIN_TOKEN}\n`);
  let child: ChildProcess | undefined;
  let ledger: ServiceProcess | undefined;

  afterEach(async () => {
    child?.kill('SIGKILL');
    await ledger?.kill();
    ledger = undefined;
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** What it prints until it listens or ends, and how it ends. */
  async function run(environment: NodeJS.ProcessEnv) {
    child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    // Closed is later than ended: everything that it printed has been read.
    const exit = new Promise<number | null>((resolve) => child!.once('close', resolve));
    const listening = new Promise<string | undefined>((resolve) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        const [, url] = /listens on (http:\S+)/.exec(output) ?? [];
        if (url) resolve(url);
      };
      child!.stdout!.on('data', read);
      child!.stderr!.on('data', read);
      void exit.then(() => resolve(undefined));
    });
    return { url: await listening, exit, output: () => output };
  }

  it('starts, decides, gives back what it holds when it is stopped, and logs no secret', async () => {
    ledger = await startServiceProcess(join(directory, 'data'));
    const gateway = await run({
      GATEWAY_LEDGER_URL: ledger.url,
      GATEWAY_LEDGER_TOKEN_FILE: tokenFile,
      GATEWAY_ROUTES_FILE: routes,
      GATEWAY_ID: 'process-1',
    });
    expect(gateway.output()).toContain('listens on');
    const admin = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const created = await fetch(`${ledger.url}/v1/orgs/demo/tokens`, {
      ...{ method: 'POST', headers: admin },
      body: JSON.stringify({ name: 'ci', scopes: [], maxQuota: 1_000 }),
    });
    const { token, secret } = (await created.json()) as { token: { id: string }; secret: string };
    const headers = { authorization: `Bearer ${secret}`, 'x-forwarded-method': 'GET' };
    const ask = (uri: string): Promise<Response> =>
      fetch(`${gateway.url}/auth/traefik`, { headers: { ...headers, 'x-forwarded-uri': uri } });
    await until(async () => (await fetch(`${gateway.url}/health/ready`)).status === 200);
    // Two processes that have just started may take longer for their first answer than it may take.
    await until(async () => (await ask('/any/a')).status === 200);
    expect((await ask('/leased/a')).status).toBe(200);
    child!.kill('SIGTERM');
    expect(await gateway.exit).toBe(0);
    const quota = await fetch(`${ledger.url}/v1/orgs/demo/tokens/${token.id}/quota`, {
      headers: admin,
    });
    expect(await quota.json()).toMatchObject({ consumed: 1 });
    expect(gateway.output()).toContain('gateway.stopped');
    expect(gateway.output()).not.toContain(secret);
    expect(gateway.output()).not.toContain(ADMIN_TOKEN);
  });

  it('fails no call of a proxy that keeps its connections while it stops (O3)', async () => {
    ledger = await startServiceProcess(join(directory, 'data'));
    const gateway = await run({
      GATEWAY_LEDGER_URL: ledger.url,
      GATEWAY_LEDGER_TOKEN_FILE: tokenFile,
      GATEWAY_ROUTES_FILE: routes,
      GATEWAY_ID: 'process-2',
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    /** The status, or null where nobody accepts connections any more. */
    const ask = async (): Promise<number | null> => {
      const headers = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/status' };
      const sent = request(`${gateway.url}/auth/traefik`, { agent, headers }).end();
      try {
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        await response.toArray();
        return response.statusCode!;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // A connection that nobody had taken when the listener closed is reset.
        if (code === 'ECONNREFUSED' || (code === 'ECONNRESET' && !sent.reusedSocket)) return null;
        throw error;
      }
    };
    let answered = 0;
    const proxies = Array.from({ length: 8 }, async () => {
      for (let status = await ask(); status !== null; status = await ask()) {
        expect(status).toBe(200);
        answered += 1;
      }
    });
    await until(async () => answered > 200);
    child!.kill('SIGTERM');
    await Promise.all(proxies);
    expect(await gateway.exit).toBe(0);
    agent.destroy();
  });

  it('names all faults of its settings at once, and does not start', async () => {
    const gateway = await run({
      ...{ GATEWAY_LEDGER_URL: 'ledger', GATEWAY_ID: 'Not An Id', GATEWAY_FEED: 'kafka' },
      ...{ GATEWAY_CACHE_TTL_MS: '60000', GATEWAY_TYPO: 'x' },
    });
    expect(await gateway.exit).toBe(1);
    for (const name of [
      ...['GATEWAY_LEDGER_URL', 'GATEWAY_ID', 'KAFKA_BROKERS', 'GATEWAY_CACHE_TTL_MS'],
      ...['GATEWAY_TYPO is not a setting', 'GATEWAY_LEDGER_TOKEN'],
    ]) {
      expect(gateway.output()).toContain(name);
    }
  });

  it.each([
    [{}, "must have required property 'routes'"],
    [{ routes: [{ path: '/a/../b', scopes: [] }] }, '/routes/0/path'],
    [{ routes: [{ path: '/a' }] }, 'must have scopes'],
    [{ routes: [{ path: '/a', public: true, scopes: ['x'] }] }, 'is public'],
    [{ routes: [{ path: '/a', scopes: [], cost: 2 }] }, 'has a cost but no quota mode'],
    [{ routes: [{ path: '/a', scopes: [], methods: ['TEAPOT'] }] }, '/routes/0/methods/0'],
    [{ routes: [{ path: '/a', scopes: [], colour: 'red' }] }, 'must NOT have additional'],
  ])('refuses the routes file %j', async (content, fault) => {
    const file = join(directory, 'bad.json');
    writeFileSync(file, JSON.stringify(content));
    const gateway = await run({
      GATEWAY_ROUTES_FILE: file,
      GATEWAY_LEDGER_TOKEN: 'tl_some_secret',
    });
    expect(await gateway.exit).toBe(1);
    expect(gateway.output()).toContain(fault);
  });
});
