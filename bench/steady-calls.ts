import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpCall } from './load.js';
import { bytesOf, exchange, open } from './node-load.js';

/** What became of some calls; 2xx is success. */
export interface SteadyRound {
  readonly sent: number;
  readonly succeeded: number;
  /** In milliseconds, of those that succeeded. */
  readonly latencies: readonly number[];
}

/** Calls that are sent one after the other at a steady rate, each once, whatever else the service has to do. */
export class SteadyCalls {
  #next = 0;

  private constructor(
    private readonly calls: readonly HttpCall[],
    private readonly socket: Socket,
  ) {}

  static async to(port: number, calls: readonly HttpCall[]): Promise<SteadyCalls> {
    return new SteadyCalls(calls, await open(port));
  }

  /** As many as belong into that time; those that are late are sent at once. */
  async round(perSecond: number, ms: number): Promise<SteadyRound> {
    const latencies: number[] = [];
    const count = Math.round((perSecond * ms) / 1_000);
    const startedAt = performance.now();
    for (let sent = 0; sent < count; sent += 1) {
      const dueAt = startedAt + (sent * 1_000) / perSecond;
      await sleep(Math.max(0, dueAt - performance.now()));
      const sentAt = performance.now();
      const call = this.calls[this.#next++ % this.calls.length]!;
      const answer = await exchange(this.socket, bytesOf(call));
      if (answer.startsWith('HTTP/1.1 2')) latencies.push(performance.now() - sentAt);
    }
    return { sent: count, succeeded: latencies.length, latencies };
  }

  close(): void {
    this.socket.destroy();
  }
}
