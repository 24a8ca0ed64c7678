import { jest } from '@jest/globals';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { StoreUnavailable } from '@ledger/event-store';
import { createLog } from '@ledger/process';
import { endOnStoreFailure } from '../../apps/ledger-api/src/operations/crash-guard.js';
import { CapturedLines, createToken } from './operated-service.js';
import { ServiceProcess, temporaryFolder } from './service-process.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const GUARD = new URL('../../apps/ledger-api/src/operations/crash-guard.js', import.meta.url).href;

/** Where something can be thrown that no request handler catches. */
const PLANTED = {
  'a timer': 'setTimeout(() => { throw new Error("planted"); }, 1)',
  'the next turn': 'setImmediate(() => { throw new Error("planted"); })',
  'the next tick': 'process.nextTick(() => { throw new Error("planted"); })',
  'a microtask': 'queueMicrotask(() => { throw new Error("planted"); })',
  'a promise': 'void Promise.reject(new Error("planted"))',
  'an async function': 'void (async () => { await null; throw new Error("planted"); })()',
  'an emitter': 'setTimeout(() => new EventEmitter().emit("error", new Error("planted")), 1)',
  'no error at all': 'void Promise.reject("planted")',
};

describe('what nobody catches', () => {
  it.each(Object.entries(PLANTED))('ends the process: from %s (O6)', async (_where, planted) => {
    const program = `
      import { EventEmitter } from 'node:events';
      import { createLog } from '@ledger/process';
      import { endOnCrash } from '${GUARD}';
      endOnCrash(createLog({ level: 'info' }), process.exit);
      ${planted};
      setTimeout(() => process.exit(0), 60_000);`.replace(
      '@ledger/process',
      new URL('../../libs/process/src/index.js', import.meta.url).href,
    );
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(JSON.parse(output)).toMatchObject({
      ...{ level: 'fatal', event: 'process.crashed' },
      err: { message: 'planted' },
    });
  });
});

describe('the service', () => {
  it('is given less than a second for its last answers when its store fails (R3)', () => {
    const captured = new CapturedLines();
    const exits: number[] = [];
    jest.useFakeTimers();
    try {
      const log = createLog({ level: 'info', lines: captured });
      endOnStoreFailure(log, (code) => void exits.push(code))(new StoreUnavailable('planted'));
      expect(captured.of('store.failed')).toHaveLength(1);
      expect(exits).toEqual([]);
      jest.advanceTimersByTime(999);
      expect(exits).toEqual([1]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('ends when its store fails, and says why (R3)', async () => {
    const environment = { LEDGER_DATA_DIR: join(folder.path, 'failing') };
    // A limit on the size of files makes the disk refuse to write, as a broken one would.
    const service = await ServiceProcess.started(environment, "trap '' XFSZ; ulimit -f 1024");
    const { url, admin } = service;
    const acknowledged: string[] = [];
    let hasFailed = false;
    while (!hasFailed) {
      const made = await createToken({ url, admin }, { name: 'x'.repeat(200) }).catch(
        () => undefined,
      );
      if (made?.status === 200) acknowledged.push(made.token);
      else hasFailed = true;
    }
    expect(await service.ended()).toBe(1);
    expect(service.lines.filter(({ event }) => event === 'store.failed')).toMatchObject([
      { level: 'fatal', err: { code: 'STORE_UNAVAILABLE' } },
    ]);
    const again = await ServiceProcess.started(environment);
    for (const token of acknowledged.slice(-5)) {
      const answer = await fetch(`${again.url}/v0/quota`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(200);
    }
    expect(await again.stop()).toBe(0);
  });

  it('does not open the inspector to others on the machine, even while it starts (C10)', async () => {
    const service = ServiceProcess.run({ LEDGER_STORE: 'memory' });
    await service.until(() => service.stdout.includes('listens on'));
    service.child.kill('SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const probe = connect(9229, '127.0.0.1');
    const outcome = await once(probe, 'connect').then(
      () => 'open',
      () => 'closed',
    );
    probe.destroy();
    expect(outcome).toBe('closed');
    expect(service.stderr).toBe('');
    expect(await service.stop()).toBe(0);
  });
});
