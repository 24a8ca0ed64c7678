import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_LINES } from '@ledger/gateway-cache';
import { GatewayWorld } from '@ledger/gateway-cache/testing';
import { GATEWAY_SETTING_NAMES } from '../../apps/ledger-gateway/src/gateway-config.js';
import { PROCESS_LINES } from '../../apps/ledger-gateway/src/operations/log.js';
import {
  createGatewayMetrics,
  DecisionCounts,
} from '../../apps/ledger-gateway/src/operations/metrics.js';
import { readRoutes } from '../../apps/ledger-gateway/src/routes/routes-file.js';

const text = readFileSync(join(process.cwd(), 'docs/gateway.md'), 'utf8');

describe('docs/gateway.md', () => {
  it.each(GATEWAY_SETTING_NAMES)('lists the setting %s', (name) => {
    expect(text).toMatch(new RegExp(`\`${name}\``));
  });

  it.each(Object.keys({ ...GATEWAY_LINES, ...PROCESS_LINES }))('lists the log line %s', (line) => {
    expect(text).toContain(`\`${line}\``);
  });

  it('lists every metric, and no other', async () => {
    const world = new GatewayWorld();
    const metrics = createGatewayMetrics(world.gateway, new DecisionCounts(), false);
    const names = metrics
      .getMetricsAsArray()
      .map(({ name }) => name.replace('ledger_gateway_', ''));
    const [, table = ''] = /\| Metric [\s\S]*?\n\|[- |]*\n([\s\S]*?)\n\n/.exec(text) ?? [];
    const firstColumns = table.split('\n').map((row) => row.split('|')[1] ?? '');
    const listed = [...firstColumns.join().matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(names.toSorted());
    await world.close();
  });

  it('shows a routes file that is accepted', () => {
    const [, json = ''] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
    const routes = readRoutes(JSON.parse(json), 'docs/gateway.md');
    expect(routes.find('GET', '/invoices/7/lines')).toMatchObject({ access: 'token' });
    expect(routes.find('GET', '/invoices')).toMatchObject({ access: 'token' });
    expect(routes.find('GET', '/elsewhere')).toBeUndefined();
  });
});
