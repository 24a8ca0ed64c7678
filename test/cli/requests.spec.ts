import { runCli } from './support/run-cli.js';
import { startScriptedService, type SeenRequest } from './support/scripted-service.js';

interface Case {
  readonly line: string;
  readonly request: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const TOKEN = '/v1/orgs/acme/tokens/t1';

/** Each command, and what the contract of the native API makes of it. */
const CASES: readonly Case[] = [
  {
    line: 'org create acme --name Acme --plan team --first-admin u1',
    request: 'POST /v1/orgs',
    body: { slug: 'acme', name: 'Acme', plan: 'team', firstAdmin: 'u1' },
  },
  { line: 'org list --limit 5 --cursor abc', request: 'GET /v1/orgs?limit=5&cursor=abc' },
  { line: 'org show acme', request: 'GET /v1/orgs/acme' },
  { line: 'org update acme --plan free', request: 'PATCH /v1/orgs/acme', body: { plan: 'free' } },
  { line: 'member list --org acme', request: 'GET /v1/orgs/acme/members' },
  {
    line: 'member set u1 --org acme --role admin',
    request: 'PUT /v1/orgs/acme/members/u1',
    body: { role: 'admin' },
  },
  { line: 'member remove u1 --org acme', request: 'DELETE /v1/orgs/acme/members/u1' },
  { line: 'gateways --limit 5', request: 'GET /v1/gateways?limit=5' },
  { line: 'retire-gateway edge-1', request: 'DELETE /v1/gateways/edge-1' },
  { line: 'retire-gateway edge-1 --org acme', request: 'DELETE /v1/gateways/edge-1?org=acme' },
  { line: 'propagation r1', request: 'GET /v1/revocations/r1/propagation' },
  {
    line: 'user create --email k@x.invalid --name Kim --operator',
    request: 'POST /v1/users',
    body: { email: 'k@x.invalid', name: 'Kim', operator: true },
  },
  { line: 'user show u1', request: 'GET /v1/users/u1' },
  {
    line: 'personal-token create --user u1 --label laptop',
    request: 'POST /v1/users/u1/personal-tokens',
    body: { label: 'laptop' },
  },
  { line: 'personal-token list --user u1', request: 'GET /v1/users/u1/personal-tokens' },
  {
    line: 'personal-token revoke t1 --user u1',
    request: 'DELETE /v1/users/u1/personal-tokens/t1',
  },
  {
    line:
      'token create --org acme --name ci --description builds --scope a,b:c --scope d --max-quota 9 ' +
      '--resource organization=acme,repository=api --resource organization=acme,workspace=w ' +
      '--visibility admin --expires-at 2030-01-01T00:00:00+01:00 --owner o1 ' +
      '--metadata team=x --metadata note=a=b',
    request: 'POST /v1/orgs/acme/tokens',
    body: {
      name: 'ci',
      description: 'builds',
      scopes: ['a', 'b:c', 'd'],
      maxQuota: 9,
      resources: [
        { organization: 'acme', repository: 'api' },
        { organization: 'acme', workspace: 'w' },
      ],
      visibility: 'admin',
      expiresAt: '2029-12-31T23:00:00.000Z',
      ownerId: 'o1',
      metadata: { team: 'x', note: 'a=b' },
    },
  },
  {
    line:
      'token list --org acme --status expiring --q ci --scope a --owner o1 --dialect native ' +
      '--unused-since 2026-01-01T00:00:00Z --sort=-name',
    request:
      'GET /v1/orgs/acme/tokens?status=expiring&q=ci&scope=a&ownerId=o1&dialect=native' +
      '&unusedSince=2026-01-01T00%3A00%3A00.000Z&sort=-name',
  },
  { line: 'token show t1 --org acme', request: `GET ${TOKEN}` },
  { line: 'token show t1 --org acme --at-position 7', request: `GET ${TOKEN}?atPosition=7` },
  {
    line: 'token show t1 --org acme --at 2026-01-01T00:00Z',
    request: `GET ${TOKEN}?at=2026-01-01T00%3A00%3A00.000Z`,
  },
  {
    line:
      'token update t1 --org acme --name new --max-quota none --expires-at none --owner none ' +
      '--metadata a=1 --remove-metadata b --if-revision 3',
    request: `PATCH ${TOKEN}`,
    body: {
      name: 'new',
      maxQuota: null,
      expiresAt: null,
      ownerId: null,
      metadata: { a: '1', b: null },
    },
    headers: { 'if-match': '"3"' },
  },
  {
    line: 'token rotate t1 --org acme --grace-seconds 60 --close-previous --if-revision 2',
    request: `POST ${TOKEN}/rotate`,
    body: { graceSeconds: 60, closePrevious: true },
    headers: { 'if-match': '"2"' },
  },
  {
    line: 'token revoke t1 --org acme --reason compromised --note seen',
    request: `POST ${TOKEN}/revoke`,
    body: { reason: 'compromised', note: 'seen' },
  },
  {
    line: 'token verify --scope a --resource organization=acme,repository=api --cost 2 --operation sync',
    request: 'POST /v1/verify',
    body: {
      token: 'the-secret',
      scopes: ['a'],
      resource: { organization: 'acme', repository: 'api' },
      cost: 2,
      operation: 'sync',
    },
  },
  { line: 'quota show t1 --org acme', request: `GET ${TOKEN}/quota` },
  {
    line: 'quota consume t1 --units 5 --operation sync',
    request: 'POST /v1/quota/consume',
    body: { tokenId: 't1', units: 5, operation: 'sync' },
  },
  {
    line: 'quota consume --secret-file - --units 5',
    request: 'POST /v1/quota/consume',
    body: { token: 'the-secret', units: 5 },
  },
  {
    line:
      'audit export --org acme --type TokenRevoked --token t1 --actor u1 ' +
      '--from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z',
    request:
      'GET /v1/orgs/acme/audit-events?type=TokenRevoked&tokenId=t1&actor=u1' +
      '&from=2026-01-01T00%3A00%3A00.000Z&to=2026-02-01T00%3A00%3A00.000Z',
    headers: { accept: 'application/x-ndjson' },
  },
  {
    line: 'audit export --org acme --format csv',
    request: 'GET /v1/orgs/acme/audit-events',
    headers: { accept: 'text/csv' },
  },
  {
    line: 'events export --after 4 --limit 9 --type TokenCreated --org acme --stream token-t1',
    request: 'GET /v1/events?after=4&limit=9&type=TokenCreated&org=acme&stream=token-t1',
    headers: { accept: 'application/x-ndjson' },
  },
];

/** Serves every command, since each reads only the members that it knows. */
const ANYTHING = {
  items: [],
  nextCursor: null,
  secret: 'tl_secret',
  token: { id: 't1', name: 'ci', status: 'active', scopes: [] },
  quota: { limit: null, consumed: 5, remaining: null, resetAt: '2026-02-01T00:00:00.000Z' },
  valid: true,
  code: 'VALID',
  position: '1',
};

describe('A command becomes the request that the contract asks for', () => {
  it.each(CASES)('$line', async ({ line, request, body, headers = {} }) => {
    const isStream = /^(audit|events)/.test(line);
    const service = await startScriptedService(isStream ? {} : { body: ANYTHING });
    try {
      const { code, stderr } = await runCli(line.split(' '), {
        env: { LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' },
        stdin: 'the-secret\n',
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(service.seen).toHaveLength(1);
      const [seen] = service.seen as readonly [SeenRequest];
      expect(`${seen.method} ${seen.target}`).toBe(request);
      expect(seen.body).toEqual(body);
      expect(seen.headers).toMatchObject({ authorization: 'Bearer credential', ...headers });
      // Every write has a name, so that a repeat is known for one; a read needs none.
      const isWrite = seen.method !== 'GET';
      expect(typeof seen.headers['idempotency-key']).toBe(isWrite ? 'string' : 'undefined');
    } finally {
      await service.close();
    }
  });
});

describe('What is wrong on the command line', () => {
  const WRONG: readonly string[] = [
    'nonsense',
    'token',
    'token create --org acme',
    'token create --org acme --name ci --max-quota much',
    'token create --org acme --name ci --expires-at tomorrow',
    'token create --org acme --name ci --resource repository=api',
    'token create --org acme --name ci --metadata team',
    'token create --org acme --name ci --token secret',
    'token show t1 --org acme --at 2026-01-01T00:00:00Z --at-position 7',
    'token show .. --org acme',
    'token update t1 --org acme',
    'token rotate t1 --org acme --grace-seconds 2592001',
    'token revoke t1 --org acme --reason whim',
    'member set u1 --org acme --role owner',
    'quota consume --units 5',
    'quota consume t1 --units 0',
    'audit export --org acme --format csv --json',
    'org show acme --url ftp://ledger.example',
    'org show acme --url http://user:secret@127.0.0.1:1',
    'bootstrap --org Acme --name Kim --email k@x.invalid',
  ];

  it.each(WRONG)('%s: is a usage error, and nothing is sent', async (line) => {
    const service = await startScriptedService({ body: ANYTHING });
    try {
      const env = { LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' };
      const { code, stderr } = await runCli(line.split(' '), { env });
      expect(code).toBe(2);
      expect(stderr).not.toBe('');
      expect(service.seen).toHaveLength(0);
    } finally {
      await service.close();
    }
  });
});
