import type { HttpCall } from '../load.js';
import { bytesOf, exchange, open as connect } from '../node-load.js';
import type { OpenPeer } from '../peer-process.js';
import { callers, roundOf } from '../rounds.js';

/** What a crowd is told through its environment, as JSON. */
export const CROWD = 'BENCH_CROWD';

export interface CrowdSettings {
  readonly port: number;
  readonly connections: number;
  readonly calls: readonly HttpCall[];
}

/**
 * Callers who repeat at once whatever they are answered, also what was refused for now, and do not wait as they
 * are told to. A round times what was answered with 2xx, and counts what was so in its time: not while the last
 * wait for a refusal that is held back. Its note is how many were refused.
 */
export const open: OpenPeer = async () => {
  const settings = JSON.parse(process.env[CROWD]!) as CrowdSettings;
  const { port, connections, calls } = settings;
  const requests = calls.map(bytesOf);
  const sockets = await Promise.all(Array.from({ length: connections }, () => connect(port)));
  let next = 0;
  return {
    async round(ms) {
      const accepted: number[] = [];
      let refused = 0;
      let inTime = 0;
      const startedAt = performance.now();
      await callers(connections, ms, async (caller) => {
        const sentAt = performance.now();
        const answer = await exchange(sockets[caller]!, requests[next++ % requests.length]!);
        const answeredAt = performance.now();
        if (answer.startsWith('HTTP/1.1 2')) {
          accepted.push(answeredAt - sentAt);
          if (answeredAt - startedAt <= ms) inTime += 1;
        } else if (answer.startsWith('HTTP/1.1 503')) refused += 1;
        else throw new Error(`answered ${answer.slice(0, 300)}`);
      });
      const perSecond = (inTime * 1_000) / ms;
      return { ...roundOf(accepted, ms), perSecond, note: String(refused) };
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    },
  };
};
