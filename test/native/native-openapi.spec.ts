import fc from 'fast-check';
import { NATIVE_ROUTES } from '../../apps/ledger-api/src/dialects/native/native-openapi.js';
import { readInput } from '../../apps/ledger-api/src/dialects/native/management/input-class.js';
import {
  PROBLEMS,
  problemType,
} from '../../apps/ledger-api/src/dialects/native/problems/problem-catalogue.js';
import type { RouteContract } from '../../apps/ledger-api/src/dialects/native/routes/route-contract.js';
import { parseInstant } from '../../apps/ledger-api/src/dialects/native/instant.js';
import { contractAjv, openApi } from './support/native-contract.js';
import { NativeWorld } from './support/native-world.js';

describe('the published document', () => {
  let world: NativeWorld;
  beforeAll(async () => {
    world = await NativeWorld.start();
  });
  afterAll(() => world.close());

  it('is served as it is written from the code', async () => {
    const { body } = await world.with(null).get('/openapi.json');
    expect(body).toEqual(JSON.parse(JSON.stringify(openApi)));
  });

  it('names each operation once, and every reference leads somewhere', () => {
    const ids = NATIVE_ROUTES.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const text = JSON.stringify(openApi);
    for (const [, section, name] of text.matchAll(/"#\/components\/(\w+)\/([\w-]+)"/g)) {
      const components = openApi.components as Readonly<Record<string, object>>;
      expect(Object.keys(components[section!]!)).toContain(name);
    }
  });

  it('compiles, every schema of it', () => {
    const ajv = contractAjv();
    for (const path of Object.values(openApi.paths)) {
      for (const { responses } of Object.values(path)) {
        for (const { content = {} } of Object.values(responses)) {
          for (const { schema } of Object.values(content)) ajv.compile(schema);
        }
      }
    }
  });

  it('documents what is served: each route answers, by the guard that it names', async () => {
    for (const { method, path, access } of NATIVE_ROUTES) {
      const asked = path.replaceAll(/\{(\w+)\}/g, (_text, name) => SAMPLES[name as string]!);
      const { status } = await world.with(null).call(method, asked);
      expect([path, status]).toEqual([path, access.who === 'anyone' ? 200 : 401]);
    }
  });

  it('documents every problem at its type, for programs and for people', async () => {
    for (const code of Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[]) {
      const { status, body } = await world.with(null).get(problemType(code));
      expect([status, body.code, body.status]).toEqual([200, code, PROBLEMS[code].status]);
      const headers = { accept: 'text/html,application/xhtml+xml' };
      const page = await fetch(`${world.service.url}${problemType(code)}`, { headers });
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(await page.text()).toContain(PROBLEMS[code].title);
    }
    expect((await world.with(null).get('/problems/nothing')).status).toBe(404);
  });

  it('is shown as a page that asks no other host, and holds no inline script', async () => {
    const page = await fetch(`${world.service.url}/docs`);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html).not.toMatch(/https?:\/\//);
    expect(html).not.toMatch(/<script>/);
    const assets = [...html.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, path]) => path!);
    expect(assets.length).toBeGreaterThan(3);
    for (const path of assets) {
      const answer = await fetch(`${world.service.url}${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
    for (const path of ['/docs/package.json', '/docs/..%2fpackage.json', '/docs/index.html']) {
      expect((await fetch(`${world.service.url}${path}`)).status).toBe(404);
    }
  });
});

const SAMPLES: Readonly<Record<string, string>> = {
  org: 'demo',
  id: '00000000-0000-4000-8000-000000000000',
  asset: 'start.js',
  code: 'not-found',
  gatewayId: 'edge-1',
  revocationId: '00000000-0000-4000-8000-000000000000',
  leaseId: '2026-03.00000000-0000-4000-8000-000000000000',
};

/** Required members that take no word of the caller's choice. */
const GOOD: Readonly<Record<string, unknown>> = {
  ...{ email: 'a@example.org', role: 'member', position: '0' },
  ...{ units: 1, unusedUnits: 0, tokenId: '00000000-0000-4000-8000-000000000000' },
};

/** Values that lie at the edges of what a member may be, and beyond. */
const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, '', ' ', 0, -1, 1, 1.5, 2 ** 31 - 1, 2 ** 31, 1e300),
  fc.constantFrom<unknown>(
    'a',
    'a:b',
    'A',
    'ledger',
    'ledger:tokens:read',
    'ledger:x',
    '*',
    'demo',
  ),
  fc.constantFrom<unknown>('admin', 'organization', 'requested', 'other', 'native', 'active'),
  fc.constantFrom<unknown>('2027-01-01T00:00:00Z', '2027-01-01T00:00:00.123+02:00', '2027-01-01'),
  fc.constantFrom<unknown>(2_592_000, 2_592_001, 'x'.repeat(128), 'x'.repeat(129), '\n', '\u202e'),
  fc.constantFrom<unknown>('🚀'.repeat(128), '🚀'.repeat(129), 'x'.repeat(1024), 'x'.repeat(1025)),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.integer(),
);
const resource = fc.dictionary(
  fc.constantFrom('organization', 'repository', 'workspace', 'x'),
  fc.constantFrom<unknown>('demo', '', 1, null),
  { maxKeys: 3 },
);
const member = fc.oneof(
  { weight: 3, arbitrary: leaf },
  fc.array(leaf, { maxLength: 4 }),
  fc.array(resource, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'b', '', 'k'.repeat(65)), leaf, { maxKeys: 3 }),
  fc.constantFrom<unknown>([], {}, Array(100).fill('a'), Array(101).fill('a'), [[]], [null]),
);

const bodyRoutes = NATIVE_ROUTES.filter(({ body }) => body !== undefined);

describe.each(bodyRoutes.map((route): [string, RouteContract] => [route.operationId, route]))(
  'the body of %s',
  (_operationId, { body }) => {
    const { type, schema } = body!;
    const ajv = contractAjv();
    // The schema's date-time takes forms that the strict reading of instants (X6) does not.
    ajv.addFormat('date-time', (text) => parseInstant(text) !== null);
    const validate = ajv.compile(schema);
    const { properties, required } = schema as { properties: object; required: string[] };
    const names = fc.constantFrom(...Object.keys(properties), 'extra');
    const good = Object.fromEntries(required.map((name) => [name, GOOD[name] ?? 'ci']));

    it('is taken by the validator exactly when the published schema takes it', () => {
      let taken = 0;
      fc.assert(
        fc.property(fc.dictionary(names, member, { maxKeys: 3 }), (members) => {
          const value = { ...good, ...members };
          const isTaken = readInput(type, value).faults.length === 0;
          if (isTaken) taken += 1;
          expect([value, isTaken]).toEqual([value, validate(value)]);
        }),
        { numRuns: 3000, seed: 7 },
      );
      expect(taken).toBeGreaterThan(100);
    });
  },
);

describe.each(
  NATIVE_ROUTES.filter(({ query }) => query).map((route): [string, RouteContract] => [
    route.operationId,
    route,
  ]),
)('the query of %s', (_operationId, { query }) => {
  const { type, parameters } = query!;
  const ajv = contractAjv();
  ajv.addFormat('date-time', (text) => parseInstant(text) !== null);

  it('is taken by the validator exactly when each parameter fits its published schema', () => {
    for (const [name, { schema }] of Object.entries(parameters)) {
      // An opaque cursor is published as any text; what is none of ours is refused on use.
      if (name === 'cursor') continue;
      const validate = ajv.compile(schema);
      const isNumber = schema['type'] === 'integer';
      for (const text of QUERY_VALUES) {
        const isTaken = readInput(type, { [name]: text }).faults.length === 0;
        const isWhole = /^(?:0|[1-9]\d*)$/.test(text);
        const fits = isNumber ? isWhole && validate(Number(text)) : validate(text);
        expect([name, text, isTaken]).toEqual([name, text, fits]);
      }
    }
  });
});

const QUERY_VALUES = [
  ...['', '0', '1', '50', '200', '201', '-1', '1.5', '01', '1e2', 'x', 'A', 'a', 'a:b', '*'],
  ...['ledger', 'ledger:tokens:read', 'ledger:nothing', 'native', 'socket', 'snyk', 'active'],
  ...[
    'expired',
    'name',
    '-name',
    '-createdAt',
    'age',
    '2026-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
  ],
  ...[
    '9223372036854775807',
    '99999999999999999999',
    'x'.repeat(128),
    'x'.repeat(129),
    '\n',
    '\u202e',
  ],
];
