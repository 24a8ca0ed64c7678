import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestService, type TestService } from '../support/test-service.js';
import { ADMIN_TOKEN, startServiceProcess } from '../support/service-process.js';

type Json = Record<string, unknown>;

interface Client {
  readonly url: string;
  readonly token: string;
}

async function send({ url, token }: Client, path: string, body?: object): Promise<Json> {
  const response = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Json;
}

const COMMITTER = { email: 'ci@demo.invalid', provider: 'api' };

/** A history that touches every read model. Gives the ids of the tokens it made. */
async function makeHistory(admin: Client): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < 6; index += 1) {
    const created = await send(admin, '/v0/orgs/demo/api-tokens', {
      ...{ max_quota: 1000, visibility: index % 2 ? 'admin' : 'organization' },
      ...{
        scopes: ['repo:list', 'api-tokens:list'],
        committer: COMMITTER,
        name: `socket ${index}`,
      },
    });
    const uuid = created['group_uuid'] as string;
    ids.push(uuid);
    await send({ ...admin, token: created['token'] as string }, '/v0/orgs/demo/api-tokens');
    if (index % 2) await send(admin, '/v0/orgs/demo/api-tokens/rotate', { uuid });
    if (index % 3 === 2) await send(admin, '/v0/orgs/demo/api-tokens/revoke', { uuid });
    else {
      await send(admin, '/v0/orgs/demo/api-tokens/update', {
        ...{ uuid, max_quota: 500, visibility: 'admin', scopes: ['repo'], committer: COMMITTER },
      });
    }
  }
  for (let index = 0; index < 4; index += 1) {
    const { token } = await send(admin, '/v1/orgs/demo/tokens', {
      ...{ name: `native ${index}`, scopes: ['invoices'], maxQuota: 100, metadata: { team: 'a' } },
    });
    const { id } = token as { id: string };
    ids.push(id);
    await send(admin, '/v1/quota/consume', { tokenId: id, units: 7, operation: 'GET /invoices' });
    await send(admin, `/v1/orgs/demo/tokens/${id}/rotate`, { graceSeconds: 3600 });
    if (index === 3) await send(admin, `/v1/orgs/demo/tokens/${id}/revoke`, { reason: 'unused' });
  }
  return ids;
}

/** Every GET, as the bytes of its answer. The quota comes first: other Socket calls are charged to it. */
async function everyGet(admin: Client, ids: readonly string[]): Promise<Map<string, string>> {
  const paths = [
    '/v0/orgs/demo/api-tokens?per_page=3&page=2&token_values=include',
    '/v0/orgs/demo/api-tokens?direction=asc',
    '/v0/orgs/demo/audit-log?per_page=100',
    '/v0/organizations',
    '/v1/orgs/demo/tokens',
    '/v1/orgs/demo/tokens?status=revoked&sort=-name',
    ...ids.flatMap((id) => {
      return ['', '/quota', '/events'].map((part) => `/v1/orgs/demo/tokens/${id}${part}`);
    }),
  ];
  const answers = new Map<string, string>();
  for (const path of paths) answers.set(path, JSON.stringify(await send(admin, path)));
  return answers;
}

describe('read models rebuilt from the first event', () => {
  describe('while the service runs', () => {
    let service: TestService;
    beforeAll(async () => {
      service = await startTestService();
    });
    afterAll(() => service.close());

    it('answer every GET with the same bytes', async () => {
      const admin = { url: service.url, token: service.admin };
      const ids = await makeHistory(admin);
      const before = await everyGet(admin, ids);
      await service.ledger.projector.rebuild();
      expect(await everyGet(admin, ids)).toEqual(before);
    });
  });

  it('answer every GET with the same bytes after their file was deleted', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ledger-rebuild-'));
    const data = join(directory, 'data');
    let service = await startServiceProcess(data);
    const ids = await makeHistory({ url: service.url, token: ADMIN_TOKEN });
    const before = await everyGet({ url: service.url, token: ADMIN_TOKEN }, ids);
    await service.stop();
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(join(data, `read-models.sqlite${suffix}`), { force: true });
    }
    service = await startServiceProcess(data);
    expect(await everyGet({ url: service.url, token: ADMIN_TOKEN }, ids)).toEqual(before);
    await service.stop();
    rmSync(directory, { recursive: true });
  });
});
