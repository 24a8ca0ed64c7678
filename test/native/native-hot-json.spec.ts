import fc from 'fast-check';
import { readPlain, readStrictly } from '../../apps/ledger-api/src/dialects/native/hot/hot-json.js';
import {
  batchValidators,
  consumptionValidators,
  verifyValidators,
} from '../../apps/ledger-api/src/dialects/native/hot/hot-validators.js';

const RUNS = { numRuns: 5000, seed: 11 };

const keys = fc.constantFrom(
  ...['token', 'scopes', 'resource', 'cost', 'operation', 'units', 'tokenId', 'items'],
  ...['organization', 'repository', 'workspace', 'extra', '__proto__', 'constructor', 'tok\u0065n'],
);
const texts = fc.oneof(
  fc.constantFrom(
    'x',
    'a',
    'a:b',
    '*',
    'A',
    '',
    'ü',
    '🚀',
    '\ufffd',
    '\ud800',
    'a"b',
    'a\\b',
    'a\nb',
  ),
  fc.constantFrom('00000000-0000-4000-8000-000000000000'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const leaves = fc.oneof(
  texts,
  fc.constantFrom(0, 1, -1, 1.5, 2 ** 31 - 1, 2 ** 31, 1e300, true, null),
);

/** JSON written by hand: keys may come twice, be escaped, or be forbidden, and white space may be anywhere. */
const { value: json } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'json' },
    { weight: 4, arbitrary: leaves.map((leaf) => JSON.stringify(leaf)) },
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    {
      weight: 4,
      arbitrary: fc
        .array(fc.tuple(keys, tie('value'), fc.constantFrom('', ' ', '\n\t')), { maxLength: 4 })
        .map((members) => {
          const written = members.map(([key, value, space]) => {
            return `${space}${JSON.stringify(key)}${space}:${value}`;
          });
          return `{${written.join(',')}}`;
        }),
    },
  ),
}));

/** Bodies that are right, now and then with something done to their text. */
const sensible = fc
  .record(
    {
      token: texts,
      scopes: fc.array(fc.constantFrom('a', 'a:b', '*', 'A'), { maxLength: 3 }),
      resource: fc.record(
        { organization: texts, repository: texts, workspace: texts },
        { requiredKeys: ['organization'] },
      ),
      cost: fc.constantFrom(0, 1, 5, -1),
      operation: texts,
    },
    { requiredKeys: ['token'] },
  )
  .map((item) => JSON.stringify(item));

const mutated = fc
  .tuple(sensible, fc.nat(), fc.constantFrom('', '"', '\\', ',', '{', '}', ' ', '\ufeff', '1', ':'))
  .map(([text, at, inserted]) => {
    const place = at % (text.length + 1);
    return `${text.slice(0, place)}${inserted}${text.slice(place)}`;
  });

const doubled = fc
  .tuple(
    sensible,
    fc.constantFrom('"token":"y"', '"cost":1', '"x":1', '"scopes":["a"]', '"t\\u006fken":"z"'),
  )
  .map(([text, member]) => `${text.slice(0, -1)},${member}}`);

describe.each([
  ['verify', verifyValidators],
  ['verify/batch', batchValidators],
  ['quota/consume', consumptionValidators],
] as const)('the fast reading of %s', (_name, { quick, thorough }) => {
  const batched = (text: string): string => `{"items":[${text}]}`;
  const consumed = (text: string): string =>
    text
      .replace(/"cost":-?\d+/, '"units":1')
      .replace(/"(?:scopes|resource)":(?:\[.*?\]|\{.*?\}),?/g, '');
  const bodies = fc.oneof(
    json,
    sensible,
    mutated,
    doubled,
    fc.oneof(sensible, mutated, doubled).map(batched),
    fc.oneof(sensible, mutated, doubled).map(consumed),
  );

  it('accepts nothing that the strict parser refuses, and reads the same', () => {
    let accepted = 0;
    fc.assert(
      fc.property(bodies, (text) => {
        const body = Buffer.from(text, 'utf8');
        const plain = readPlain<unknown>(body, quick as never);
        if (plain === undefined) return;
        accepted += 1;
        expect(readStrictly<unknown>(body, thorough as never)).toEqual({ input: plain });
      }),
      RUNS,
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('leaves bytes that are no UTF-8 to the strict parser', () => {
    fc.assert(
      fc.property(
        sensible,
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        fc.nat(),
        (text, bytes, at) => {
          const whole = Buffer.from(batchedIf(quick === batchValidators.quick, text), 'utf8');
          const place = at % (whole.length + 1);
          const body = Buffer.concat([whole.subarray(0, place), bytes, whole.subarray(place)]);
          const plain = readPlain<unknown>(body, quick as never);
          if (plain === undefined) return;
          expect(readStrictly<unknown>(body, thorough as never)).toEqual({ input: plain });
        },
      ),
      RUNS,
    );
  });

  function batchedIf(isBatch: boolean, text: string): string {
    return isBatch ? batched(text) : text;
  }
});

it('reads every plain body the fast way, which is what it is for', () => {
  const body = { token: 'tl_x', scopes: ['a:b'], resource: { organization: 'acme' }, cost: 1 };
  const bytes = Buffer.from(JSON.stringify(body));
  expect(readPlain(bytes, verifyValidators.quick)).toEqual(body);
});
