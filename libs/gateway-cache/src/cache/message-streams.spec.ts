import fc from 'fast-check';
import type { LedgerMessage } from '@ledger/publishing';
import type { Verification } from '../ledger.js';
import { ManualTime, revoked, rotated, updated } from '../testing/index.js';
import { VerificationCache } from './verification-cache.js';

const STREAMS = process.env['LEDGER_TEST_LONG'] ? 10_000 : 1_000;
const TOKENS = 3;
/** Caches set their room aside in advance. */
const SMALL = { entriesMax: 100, fencesMax: 100 };

const token = (index: number): string => `00000000-0000-4000-8000-00000000000${index}`;
const secret = (index: number, of: number): string =>
  `00000000-0000-4000-9${of}00-00000000000${index}`;

interface Held {
  readonly token: number;
  readonly secret: number;
  readonly position: number;
}

const held = fc.record({
  token: fc.nat(TOKENS - 1),
  secret: fc.nat(1),
  position: fc.integer({ min: 1, max: 30 }),
});

const message = fc
  .record({
    token: fc.nat(TOKENS - 1),
    secret: fc.nat(1),
    position: fc.integer({ min: 1, max: 30 }),
    graceMs: fc.integer({ min: 0, max: 20_000 }),
    type: fc.constantFrom('revoked', 'rotated', 'updated'),
  })
  .map((parts) => ({ ...parts, build: () => build(parts) }));

function build(parts: {
  token: number;
  secret: number;
  position: number;
  graceMs: number;
  type: string;
}): LedgerMessage {
  const { token: index, position, graceMs: remainingMs, type } = parts;
  if (type === 'revoked') return revoked(token(index), position);
  if (type === 'updated') return updated(token(index), position);
  const endsAtMs = new ManualTime().trueMs + remainingMs;
  return rotated(token(index), position, {
    secretId: secret(index, parts.secret),
    endsAtMs,
    remainingMs,
  });
}

function verification({ token: index, secret: of, position }: Held): Verification {
  const identity = {
    ...{ tokenId: token(index), secretId: secret(index, of), orgId: 'o' },
    ...{ ownerId: null, name: 'n', scopes: [] },
  };
  const nothing = { quota: null, expiresAtMs: null, answeredAtMs: null };
  return { code: 'VALID', position: BigInt(position), identity, ...nothing };
}

/** What is refused from memory has been revoked: in which order it came decides only who is asked. */
function isInForce(
  answer: Verification | undefined,
  messages: readonly LedgerMessage[],
): answer is Verification {
  if (answer?.code !== 'REVOKED') return answer !== undefined;
  const ofToken = messages.filter(({ data }) => data.tokenId === answer.identity?.tokenId);
  expect(ofToken.map(({ type }) => type)).toContain('token-revoked');
  return false;
}

/** What is in force after all messages, now and later. */
function outcomeOf(
  entries: readonly Held[],
  messages: readonly LedgerMessage[],
  late: readonly Held[],
) {
  const time = new ManualTime();
  const cache = new VerificationCache({ time, ...SMALL });
  entries.forEach((entry, index) =>
    cache.put(`e${index}`, verification(entry), time.monotonicMs()),
  );
  for (const each of messages) cache.apply(each);
  late.forEach((entry, index) => cache.put(`l${index}`, verification(entry), time.monotonicMs()));
  const seen: string[] = [];
  for (let step = 0; step <= 25; step += 1) {
    const keys = [
      ...entries.map((_, index) => `e${index}`),
      ...late.map((_, index) => `l${index}`),
    ];
    seen.push(keys.filter((key) => isInForce(cache.get(key), messages)).join());
    time.advance(1_000);
  }
  return seen;
}

describe('a stream of messages (V4)', () => {
  it(`leaves the same behind in any order and with repetitions: ${STREAMS} streams`, () => {
    let kept = 0;
    fc.assert(
      fc.property(
        fc.array(held, { maxLength: 8 }),
        fc.array(message, { maxLength: 12 }),
        fc.array(held, { maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (entries, stream, late, random) => {
          const inOrder = stream
            .toSorted((one, other) => one.position - other.position)
            .map((each) => each.build());
          const shuffled = [...inOrder, ...inOrder]
            .map((each) => ({ each, at: random.next().value as number }))
            .toSorted((one, other) => one.at - other.at)
            .map(({ each }) => each);
          const expected = outcomeOf(entries, inOrder, late);
          kept += expected.join('').length;
          expect(outcomeOf(entries, shuffled, late)).toEqual(expected);
        },
      ),
      { numRuns: STREAMS },
    );
    expect(kept).toBeGreaterThan(STREAMS);
  });
});
