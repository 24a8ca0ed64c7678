import { EventStoreDouble } from '../double/event-store-double.js';
import { until } from '../support/store-on-double.js';
import { Nodes } from './support/node.js';

describe('metrics of a node on EventStoreDB', () => {
  it('tell of its connection, and of what became of appends', async () => {
    const double = await EventStoreDouble.start();
    const { connectionString } = double;
    const nodes = new Nodes({ connectionString, streamPrefix: 'ledger-' });
    try {
      const node = await nodes.start('a');
      const value = async (name: string): Promise<number> => {
        const text = await (await fetch(`${node.url}/metrics`)).text();
        return Number(new RegExp(`^ledger_eventstoredb_${name} (\\S+)$`, 'm').exec(text)?.[1]);
      };
      expect((await node.create()).status).toBe(201);
      expect(await value('connected')).toBe(1);
      expect(await value('connections_total')).toBe(1);
      expect(await value('connect_failures_total')).toBe(0);
      await until(async () => (await value('subscriptions_total')) === 1);
      const appends = await value('appends_total');
      expect(appends).toBeGreaterThan(5);
      const mean = (await value('append_seconds_total')) / appends;
      expect(mean).toBeGreaterThan(0);
      expect(mean).toBeLessThan(1);
      await double.stop();
      await until(async () => (await value('connected')) === 0);
      await until(async () => (await value('connect_failures_total')) > 0);
      await double.start();
      await until(async () => (await value('connections_total')) === 2);
      await until(async () => (await value('subscriptions_total')) === 2);
      expect(await value('connected')).toBe(1);
    } finally {
      await nodes.close();
      await double.stop();
    }
  }, 60_000);
});
