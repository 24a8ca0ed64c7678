import { startTestService } from '../../support/test-service.js';

/** Parts of the native API that commands ask. */
export type Family =
  | 'tokens'
  | 'hot'
  | 'orgs'
  | 'members'
  | 'users'
  | 'personal-tokens'
  | 'audit'
  | 'events'
  | 'gateways';

/**
 * The parts that this build serves, found by asking it. Tests of a part that is not there are reported as
 * skipped, never as passed.
 */
export async function servedFamilies(): Promise<ReadonlySet<Family>> {
  const service = await startTestService();
  try {
    const user = service.ledger.directory.organization('demo')!.members[0]!.userId;
    const asked: Record<Family, string> = {
      tokens: '/v1/orgs/demo/tokens',
      hot: '/v1/verify',
      orgs: '/v1/orgs/demo',
      members: '/v1/orgs/demo/members',
      users: `/v1/users/${user}`,
      'personal-tokens': `/v1/users/${user}/personal-tokens`,
      audit: '/v1/orgs/demo/audit-events',
      events: '/v1/events?limit=1',
      gateways: '/v1/gateways',
    };
    const served = new Set<Family>();
    for (const [family, path] of Object.entries(asked)) {
      const authorization = `Bearer ${service.admin}`;
      const question = { method: 'POST', body: '{"token":"unknown"}' };
      const response = await fetch(`${service.url}${path}`, {
        headers: { authorization, 'content-type': 'application/json' },
        ...(family === 'hot' ? question : {}),
      });
      await response.text();
      if (response.ok) served.add(family as Family);
    }
    return served;
  } finally {
    await service.close();
  }
}
