import fc from 'fast-check';
import { openApi } from '../native/support/native-contract.js';
import { hostileText, hostileValue, spoiltText, valueOf } from './json-arbitraries.js';

type Schema = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}

/** One operation of the published document. */
export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body?: { readonly mediaType: string; readonly schema: Schema };
}

/** One request to come. What exists is named by a number, and looked up when it is sent. */
export interface FuzzRequest {
  readonly operation: Operation;
  readonly caller: Caller;
  /** Names what exists; or, where `strange` holds a text for a place in the path, that text instead. */
  readonly choice: number;
  readonly strange: Texts;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Texts;
  readonly body: string | undefined;
}

export const CALLERS = ['operator', 'admin', 'member', 'outsider', 'token', 'bare token'] as const;
export type Caller = (typeof CALLERS)[number] | { readonly header: string | null };

interface Documented {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

/** What is followed answers for as long as its reader listens: it has tests of its own. */
const FOLLOWED = ['/v1/invalidations'];

export const OPERATIONS: readonly Operation[] = Object.entries(
  openApi.paths as unknown as Readonly<Record<string, Readonly<Record<string, Documented>>>>,
)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters, requestBody }]): Operation => {
      const [[mediaType, content] = []] = Object.entries(requestBody?.content ?? {});
      const body = mediaType && content ? { body: { mediaType, schema: content.schema } } : {};
      return { operationId, method: method.toUpperCase(), path, parameters, ...body };
    }),
  )
  .filter(({ path }) => !FOLLOWED.includes(path));

/** What may be sent in a header at all; everything else is refused by the client. */
const headerText = fc.oneof(
  fc.constantFrom(
    '',
    '"',
    '*',
    'W/"1"',
    '"1"',
    '"0", "1"',
    ',',
    'a b',
    'x'.repeat(300),
    '0',
    '-1',
    '1.5',
    '0x1',
  ),
  fc.string({
    unit: fc
      .integer({ min: 33, max: 255 })
      .map((code) => (code === 127 ? ' ' : String.fromCharCode(code))),
    maxLength: 30,
  }),
);

const authorization = fc.oneof(
  fc.constantFrom(
    '',
    'Bearer',
    'Bearer ',
    'Basic',
    'Basic !',
    'Basic Og==',
    'Bearer a b',
    'Digest x',
    'Token x',
  ),
  fc.constantFrom(
    'Bearer null',
    'bearer undefined',
    'Bearer '.repeat(50),
    `Bearer ${'x'.repeat(4_000)}`,
  ),
  headerText.map((text) => `Bearer ${text}`),
  headerText.map((text) => `Basic ${Buffer.from(`${text}:`, 'latin1').toString('base64')}`),
  fc.constant(null),
);

/** Mostly right, so that requests get far enough to meet what lies behind the checks. */
function mostly<T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

export function requestFor(operation: Operation): fc.Arbitrary<FuzzRequest> {
  const { parameters, body } = operation;
  const places = (where: Parameter['in']) => parameters.filter((each) => each.in === where);
  const query = fc.record(
    Object.fromEntries(
      places('query').map(({ name, schema }) => [
        name,
        mostly<unknown>(valueOf(schema), hostileValue),
      ]),
    ),
    { requiredKeys: [] },
  );
  const extra = fc.dictionary(hostileText, hostileText, { maxKeys: 1 });
  const strange = fc.record(
    Object.fromEntries(
      places('path').map(({ name }) => [name, hostileText.filter((text) => text !== '')]),
    ),
    { requiredKeys: [] },
  );
  const header = fc.record(
    Object.fromEntries(places('header').map(({ name }) => [name, headerOf(name)])),
    { requiredKeys: [] },
  );
  return fc.record({
    operation: fc.constant(operation),
    caller: mostly<Caller>(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant('operator' as const) },
        fc.constantFrom(...CALLERS),
      ),
      authorization.map((text) => ({ header: text })),
    ),
    choice: fc.nat(),
    strange: mostly<Texts>(fc.constant({}), strange as fc.Arbitrary<Texts>),
    query: fc.oneof(
      fc.constant({}),
      query,
      fc.tuple(query, extra).map(([a, b]) => ({ ...a, ...b })),
    ),
    headers: mostly<Texts>(fc.constant({}), header as fc.Arbitrary<Texts>),
    body: body ? bodyOf(body) : mostly<string | undefined>(fc.constant(undefined), hostileText),
  });
}

/** A position that is never reached would be waited for, two seconds each time. */
function headerOf(name: string): fc.Arbitrary<string> {
  if (name !== 'Ledger-Min-Position') return headerText;
  return headerText.filter((text) => !/^[1-9]\d*$/.test(text));
}

function bodyOf({ mediaType, schema }: NonNullable<Operation['body']>): fc.Arbitrary<string> {
  const right = valueOf(schema);
  if (mediaType.endsWith('json')) {
    return mostly(
      right.map((value) => JSON.stringify(value)),
      spoiltText(right),
    );
  }
  const form = right.map((value) => String(new URLSearchParams(value as Record<string, string>)));
  return mostly(
    form,
    fc.tuple(form, hostileText).map(([text, more]) => `${text}&${more}`),
  );
}
