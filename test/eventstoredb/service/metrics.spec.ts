import { EventStoreDouble } from '../double/event-store-double.js';
import { until } from '../support/store-on-double.js';
import { Nodes } from './support/node.js';

describe('metrics of a node on EventStoreDB', () => {
  it('tell of its connection, and of what became of appends', async () => {
    const double = await EventStoreDouble.start();
    const { connectionString } = double;
    const nodes = new Nodes({ connectionString, streamPrefix: 'ledger-' });
    const startedAt = performance.now();
    try {
      const node = await nodes.start('a');
      const value = async (name: string): Promise<number> => {
        const text = await (await fetch(`${node.url}/metrics`)).text();
        return Number(new RegExp(`^ledger_eventstoredb_${name} (\\S+)$`, 'm').exec(text)?.[1]);
      };
      expect((await node.create()).status).toBe(201);
      expect(await value('connected')).toBe(1);
      await until(async () => (await value('subscriptions_total')) > 0);
      // One, unless the machine stood still for so long that the first was given up.
      const connections = await value('connections_total');
      const failures = await value('connect_failures_total');
      const subscriptions = await value('subscriptions_total');
      expect(connections).toBeGreaterThan(0);
      const appends = await value('appends_total');
      expect(appends).toBeGreaterThan(5);
      const mean = (await value('append_seconds_total')) / appends;
      expect(mean).toBeGreaterThan(0);
      // Seconds, not milliseconds.
      expect(mean).toBeLessThan((performance.now() - startedAt) / 1_000);
      await double.stop();
      await until(async () => (await value('connected')) === 0);
      await until(async () => (await value('connect_failures_total')) > failures);
      await double.start();
      await until(async () => (await value('connections_total')) > connections);
      await until(async () => (await value('subscriptions_total')) > subscriptions);
      expect(await value('connected')).toBe(1);
    } finally {
      await nodes.close();
      await double.stop();
    }
  });
});
