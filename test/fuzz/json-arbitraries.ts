import fc from 'fast-check';

type Schema = Readonly<Record<string, unknown>>;

/** Words that fit most patterns of the document. */
const WORDS = [
  ...['ci', 'a', 'a:b', '*', 'jobs', 'ledger:tokens:verify', 'demo', '0', '1', '7', '50', 'admin'],
  ...['00000000-0000-4000-8000-000000000000', 'a@example.org', 'TokenCreated', 'token-a', 'x-1'],
];

/** Texts that have broken services before: sizes, encodings, names of the language, other languages' syntax. */
const HOSTILE_TEXTS = [
  ...['', ' ', '\0', '\n', '\r\nx: y', '\u202e', '\ufeff', '\u2028', '\ud800', '🚀'.repeat(200)],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'null',
    'undefined',
    'NaN',
    '[object Object]',
  ],
  ...[
    "' OR 1=1 --",
    '"; DROP TABLE events; --',
    '../../etc/passwd',
    '%00',
    '%2e%2e%2f',
    '${7*7}',
    '{{7*7}}',
  ],
  ...['<script>alert(1)</script>', '$(id)', '*'.repeat(64), 'a:'.repeat(500), 'é'.normalize('NFD')],
  ...[
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:59:60Z',
    '+275760-09-13T00:00:00Z',
  ],
  ...[
    '9007199254740993',
    '1e400',
    '-0',
    '0x10',
    '１',
    '\u{1d7d9}',
    'a'.repeat(129),
    'x'.repeat(5000),
    '\ufe0f'.repeat(600),
  ],
];

const HOSTILE_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 2 ** 31, 2 ** 53, 1e300, [], {}, [[]], [null], [{}]],
  ...[
    { length: 1 },
    { toString: 'x' },
    Array(600).fill('a'),
    { a: { b: { c: { d: { e: { f: 1 } } } } } },
  ],
  ...[{ __proto__: null, $ne: 1 }, { then: 'x' }, ['a', 1, null]],
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(...HOSTILE_VALUES),
  fc.jsonValue({ maxDepth: 4 }),
);

/** Values that a schema of the document takes, as a rule. Names of what exists come from elsewhere. */
export function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  const alternatives = (schema['anyOf'] ?? undefined) as readonly Schema[] | undefined;
  if (alternatives) return fc.oneof(...alternatives.map(valueOf));
  if (schema['enum']) return fc.constantFrom(...(schema['enum'] as readonly unknown[]));
  switch (schema['type']) {
    case 'object':
      return objectOf(schema);
    case 'array':
      return fc.array(valueOf(schema['items'] as Schema), { maxLength: 4 });
    case 'integer':
      return integerOf(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return textOf(schema);
  }
}

function integerOf({ minimum = 0, maximum = 1000 }: Schema): fc.Arbitrary<number> {
  const [min, max] = [minimum as number, maximum as number];
  return fc.oneof(fc.integer({ min, max: Math.min(max, min + 50) }), fc.constantFrom(min, max));
}

function textOf({ pattern, format, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') {
    return fc.constantFrom(
      '2030-01-01T00:00:00Z',
      '2027-03-31T23:59:59.999+14:00',
      '2020-02-29T12:00:00Z',
    );
  }
  const form = new RegExp((pattern as string | undefined) ?? '', 'u');
  const fitting = WORDS.filter((word) => form.test(word) && word.length >= Number(minLength));
  if (fitting.length === 0) return fc.stringMatching(form);
  const words = fc.constantFrom(...fitting);
  if (pattern !== undefined) return words;
  const length = Math.min(Number(maxLength), 40);
  return fc.oneof(words, fc.string({ minLength: Number(minLength), maxLength: length }));
}

function objectOf(schema: Schema): fc.Arbitrary<unknown> {
  const {
    properties = {},
    required = [],
    oneOf,
  } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
    readonly oneOf?: readonly { readonly required: readonly string[] }[];
  };
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, valueOf(member)]),
  );
  const base = fc.record(members, { requiredKeys: [...required] });
  if (!oneOf) return base;
  // Exactly one of some members: the others are taken out again.
  const named = oneOf.flatMap((each) => each.required);
  return fc.tuple(fc.record(members), fc.constantFrom(...named)).map(([value, kept]) => {
    const without = named.filter((name) => name !== kept);
    return Object.fromEntries(Object.entries(value).filter(([name]) => !without.includes(name)));
  });
}

/** A JSON text near one that is right: one member spoilt, taken or added, or the text itself broken. */
export function spoiltText(value: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const members = fc.tuple(value, fc.nat(), hostileValue, hostileText, fc.nat(3)).map(spoilMember);
  const text = value.map((each) => JSON.stringify(each) ?? '');
  const broken = fc.tuple(text, fc.nat(), fc.nat(255), fc.nat(6)).map(breakText);
  return fc.oneof(
    members,
    broken,
    hostileValue.map((each) => JSON.stringify(each) ?? ''),
  );
}

function spoilMember([value, at, hostile, name, how]: [
  unknown,
  number,
  unknown,
  string,
  number,
]): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(hostile) ?? '';
  const members = Object.entries(value);
  const place = members.length === 0 ? 0 : at % members.length;
  const [key = 'name', old] = members[place] ?? [];
  if (how === 0) members[place] = [key, hostile];
  if (how === 1) members.splice(place, 1);
  if (how === 2) members.push([name, hostile]);
  // The parts are joined by hand, so that a name can be said twice.
  if (how === 3) members.push([key, old ?? hostile]);
  return `{${members.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v) ?? 'null'}`).join(',')}}`;
}

function breakText([text, at, byte, how]: [string, number, number, number]): string {
  const place = text.length === 0 ? 0 : at % text.length;
  switch (how) {
    case 0:
      return text.slice(0, place);
    case 1:
      return text.slice(0, place) + String.fromCharCode(byte) + text.slice(place + 1);
    case 2:
      return text + text;
    case 3:
      return `${'['.repeat(5_000)}${text}${']'.repeat(5_000)}`;
    case 4:
      return text.replace('{', `{"__proto__":{"isAdmin":true},`);
    case 5:
      return text.replace(/\d+/, '1e400');
    default:
      return ' '.repeat(70_000) + text;
  }
}
