import { jest } from '@jest/globals';
import { createLog } from '@ledger/process';
import { Agent, request } from 'node:http';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ServiceState } from '../../apps/ledger-api/src/operations/service-state.js';
import { Shutdown } from '../../apps/ledger-api/src/operations/shutdown.js';
import { call, CapturedLines, createToken } from './operated-service.js';
import { freePort, ServiceProcess, temporaryFolder } from './service-process.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

interface Sent {
  readonly outcome: 'answered' | 'refused' | 'lost';
  readonly status?: number | undefined;
}

/** One request over a kept-alive connection. Lost is what may have been received, but was not answered. */
function send(agent: Agent, url: string, admin: string): Promise<Sent> {
  return new Promise((resolve) => {
    const sent = request(`${url}/v0/quota`, {
      agent,
      headers: { authorization: `Bearer ${admin}` },
    });
    sent.on('response', (response) => {
      response.on('error', () => resolve({ outcome: 'lost' }));
      response.on('end', () => resolve({ outcome: 'answered', status: response.statusCode }));
      response.resume();
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // A connection that nobody had taken when the listener closed is reset.
      const isUntaken = error.code === 'ECONNRESET' && !sent.reusedSocket;
      resolve({ outcome: isUntaken || error.code === 'ECONNREFUSED' ? 'refused' : 'lost' });
    });
    sent.end();
  });
}

describe('SIGTERM', () => {
  it('loses no request of clients that keep their connections, and ends with 0', async () => {
    const service = await ServiceProcess.started({
      LEDGER_DATA_DIR: join(folder.path, 'traffic'),
      LOG_LEVEL: 'info',
    });
    const { url, admin } = service;
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const results: Sent[] = [];
    let isOver = false;
    const clients = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        const sent = await send(agent, url, admin);
        results.push(sent);
        isOver ||= sent.outcome === 'refused';
      }
    });
    await service.until(() => results.length > 200);
    expect(await service.stop()).toBe(0);
    await Promise.all(clients);
    agent.destroy();
    expect(results.filter(({ outcome }) => outcome === 'lost')).toEqual([]);
    const statuses = new Set(results.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== undefined)).toEqual([200]);
    expect(service.stderr).toBe('');
    expect(service.lines.map(({ level }) => level)).not.toContain('fatal');
    expect(service.events.slice(-1)).toEqual(['service.stopped']);
  });

  it('is quiet when nothing is under way, and leaves all that was acknowledged', async () => {
    const environment = { LEDGER_DATA_DIR: join(folder.path, 'quiet') };
    const first = await ServiceProcess.started(environment);
    const { admin } = first;
    const { token } = await createToken(first);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) {
      const service =
        signal === 'SIGTERM' && first.child.exitCode === null
          ? first
          : await ServiceProcess.started(environment);
      const answer = await call({ url: service.url, admin }, '/v0/quota', { token });
      expect(answer.status).toBe(200);
      const before = service.lines.length;
      expect(await service.stop(signal)).toBe(0);
      // The lines about the last requests may come late.
      const told = service.lines.slice(before).map(({ event }) => String(event));
      expect(told.filter((event) => !/^(request|admin\.action)$/.test(event))).toEqual([
        'service.stopping',
        'service.stopped',
      ]);
      expect(service.stderr).toBe('');
    }
  });

  it('turns readiness red on the listener for health, which answers to the end', async () => {
    const port = await freePort();
    const service = await ServiceProcess.started({
      LEDGER_DATA_DIR: join(folder.path, 'ready'),
      METRICS_PORT: String(port),
    });
    // A request whose end is still to come holds the process until it has been looked at.
    const { hostname, port: mainPort } = new URL(service.url);
    const held = connect(Number(mainPort), hostname);
    held.write(
      'POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n' +
        `Authorization: Bearer ${service.admin}\r\nExpect: 100-continue\r\n\r\n`,
    );
    const [taken] = (await once(held, 'data')) as [Buffer];
    expect(taken.toString()).toContain('100 Continue');
    const ended = service.stop();
    await service.until(() => service.events.includes('service.stopping'));
    const ready = await fetch(`http://127.0.0.1:${port}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ failed: [{ check: 'stopping' }] });
    expect((await send(new Agent(), service.url, '')).outcome).toBe('refused');
    held.write('{}');
    const [answer] = (await once(held, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 [24]/);
    expect(await ended).toBe(0);
    held.destroy();
  });
});

describe('Shutdown', () => {
  afterEach(() => jest.useRealTimers());

  /** From here on time passes only when the test says so; what comes over connections comes as ever. */
  const stopTime = () =>
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  let server: Server;
  let url: string;
  let captured: CapturedLines;
  let exits: number[];
  let steps: string[];

  /** A server whose requests end when the test says so. */
  const start = async (withinMs: number, handle: Parameters<typeof createServer>[1]) => {
    server = createServer(handle!).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    [captured, exits, steps] = [new CapturedLines(), [], []];
    return new Shutdown({
      ...{ state: new ServiceState(), server, withinMs },
      log: createLog({ level: 'info', lines: captured }),
      closeServer: async () => {
        server.close();
        if (server.listening || (await connections()) > 0) await once(server, 'close');
        steps.push('server');
      },
      closeLedger: async () => void steps.push('ledger'),
      exit: (code) => void exits.push(code),
    });
  };
  const connections = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  const untilExit = async (): Promise<void> => {
    while (exits.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it('lets a request under way finish before the ledger is closed', async () => {
    const shutdown = await start(100_000, (_request, response) => {
      setTimeout(() => {
        steps.push('answer');
        response.end('done');
      }, 1_500);
    });
    const answer = fetch(url);
    await once(server, 'request');
    shutdown.start('SIGTERM');
    expect(await (await answer).text()).toBe('done');
    await untilExit();
    expect(steps).toEqual(['answer', 'server', 'ledger']);
    expect(exits).toEqual([0]);
  });

  it('lets a client whose answer came late ask once more over the same connection', async () => {
    let asked = 0;
    const shutdown = await start(10_000, (_request, response) => {
      // The first request is older than the farewell, and its answer comes at the end of it.
      if ((asked += 1) === 1) setTimeout(() => response.end('done'), 900);
      else response.end('done');
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () => send(agent, url, '');
    stopTime();
    const first = ask();
    await once(server, 'request');
    shutdown.start('SIGTERM');
    await pass(900);
    expect((await first).outcome).toBe('answered');
    await pass(900);
    expect((await ask()).outcome).toBe('answered');
    expect((await ask()).outcome).toBe('refused');
    await pass(100);
    jest.useRealTimers();
    await untilExit();
    expect(exits).toEqual([0]);
    agent.destroy();
  });

  it('waits a second for clients that ask nothing more, and no longer', async () => {
    const shutdown = await start(20_000, (_request, response) => response.end('done'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await send(agent, url, '')).outcome).toBe('answered');
    stopTime();
    shutdown.start('SIGTERM');
    await pass(1_000);
    expect(steps).toEqual([]);
    await pass(200);
    jest.useRealTimers();
    await untilExit();
    expect(exits).toEqual([0]);
    agent.destroy();
  });

  it('does not wait for connections that never had a request', async () => {
    const shutdown = await start(20_000, (_request, response) => response.end('done'));
    const unused = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
    await once(unused, 'connect');
    // Whoever asks after it has been accepted after it.
    await (await fetch(url)).text();
    shutdown.start('SIGTERM');
    await untilExit();
    expect(exits).toEqual([0]);
    expect(captured.of('service.cut-off')).toEqual([]);
    unused.destroy();
  });

  it('cuts off what never ends, still closes the ledger, and does not call that a success', async () => {
    const shutdown = await start(300, () => undefined);
    const answer = fetch(url).catch(() => 'cut off');
    await once(server, 'request');
    shutdown.start('SIGTERM');
    expect(await answer).toBe('cut off');
    await untilExit();
    expect(steps).toEqual(['server', 'ledger']);
    expect(exits).toEqual([1]);
    expect(captured.of('service.cut-off')).toHaveLength(1);
  });

  it('ends at once when asked a second time', async () => {
    const shutdown = await start(10_000, () => undefined);
    const answer = fetch(url).catch(() => 'cut off');
    await once(server, 'request');
    shutdown.start('SIGTERM');
    shutdown.start('SIGTERM');
    expect(exits).toEqual([1]);
    expect(captured.of('service.forced')).toHaveLength(1);
    server.closeAllConnections();
    await answer;
  });
});
