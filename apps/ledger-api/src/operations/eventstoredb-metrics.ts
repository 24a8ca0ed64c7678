import { Counter, Gauge, type Registry } from 'prom-client';
import type { EventStoreDbStats } from '@ledger/event-store';

/** Adds what the adapter of EventStoreDB counts; zeros where the log lies elsewhere. */
export function addEventStoreDbMetrics(
  registry: Registry,
  stats: () => EventStoreDbStats | undefined,
): void {
  const registers = [registry];
  const count = (name: string, help: string, read: (stats: EventStoreDbStats) => number): void => {
    const collect = function (this: Counter): void {
      const now = stats();
      this.reset();
      this.inc(now ? read(now) : 0);
    };
    new Counter({ name: `ledger_eventstoredb_${name}`, help, registers, collect });
  };
  new Gauge({
    name: 'ledger_eventstoredb_connected',
    help: '1 while there is a connection to EventStoreDB.',
    registers,
    collect() {
      this.set(stats()?.isConnected ? 1 : 0);
    },
  });
  count('connections_total', 'Connections made; all but the first replaced one.', (s) => s.links);
  count('connect_failures_total', 'Tries to connect in vain.', (s) => s.failedAttempts);
  count('subscriptions_total', 'Subscriptions to the log; all but the first came again.', (s) => {
    return s.subscriptions;
  });
  count('appends_total', 'Appends that EventStoreDB has decided.', (s) => s.appends);
  count('append_seconds_total', 'Time they took, repeats and waiting included.', (s) => {
    return s.appendMsTotal / 1000;
  });
  count('append_repeats_total', 'Appends sent again: their outcome was unknown.', (s) => s.repeats);
  count('append_timeouts_total', 'Tries to append that were not answered.', (s) => s.timeouts);
  count('read_timeouts_total', 'Reads that were not answered.', (s) => s.readTimeouts);
}
