import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Peer, Round } from './rounds.js';

/** What a module of `peers/` exports as `open`: makes ready, in an empty directory, what it measures. */
export type OpenPeer = (directory: string) => Promise<Peer>;

type Reply = { readonly round: Round } | { readonly error: string } | { readonly ready: true };

/** Starts a module of `peers/` in a process of its own, with the flushes that its environment gives it. */
export async function startPeer(
  module: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-bench-'));
  const file = fileURLToPath(new URL(`./peers/${module}.js`, import.meta.url));
  const child = fork(fileURLToPath(import.meta.url), [file, directory], {
    env: { ...process.env, ...environment },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const reply = (): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const gone = (code: number | null): void => reject(new Error(`${module} ended with ${code}`));
      child.once('exit', gone);
      child.once('message', (message) => {
        child.off('exit', gone);
        resolve(message as Reply);
      });
    });
  await reply();
  return {
    async round(ms) {
      child.send({ ms });
      const answer = await reply();
      if ('round' in answer) return answer.round;
      throw new Error(`${module}: ${'error' in answer ? answer.error : 'no round'}`);
    },
    async close() {
      if (child.connected) child.disconnect();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The other side: serves rounds until the benchmark lets go. */
async function serve(file: string, directory: string): Promise<void> {
  const { open } = (await import(pathToFileURL(file).href)) as { readonly open: OpenPeer };
  const peer = await open(directory);
  const say = (reply: Reply): void => void process.send!(reply);
  process.on('message', ({ ms }: { readonly ms: number }) => {
    peer.round(ms).then(
      (round) => say({ round }),
      (error: unknown) => say({ error: String(error) }),
    );
  });
  process.on('disconnect', () => void peer.close().finally(() => process.exit(0)));
  say({ ready: true });
}

const [, self, file, directory] = process.argv;
if (self === fileURLToPath(import.meta.url) && file && directory) await serve(file, directory);
