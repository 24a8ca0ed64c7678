import type { StoredEvent } from '@ledger/event-store';
import { isSameFact, type Answer, type Request } from './requests.js';
import { mustHold } from './violation.js';

/** One sending of a request. An answer that never came is `unknown`: it may have been done, or not. */
export interface Attempt {
  readonly requestId: string;
  readonly request: Request;
  /** Caller, route and key: what tells that two attempts are the same request. Null without a key. */
  readonly identity: string | null;
  answer: Answer | 'unknown';
}

/** How long the ledger knows a key again. */
const KEY_REMEMBERED_MS = 24 * 3_600_000;

type Accepted = Extract<Answer, { kind: 'accepted' }>;

/** What clients were told, held against the log. */
export class History {
  readonly attempts: Attempt[] = [];

  /** @param isShared Whether several nodes serve the log, whose clocks may show different windows. */
  constructor(private readonly isShared: boolean) {}

  begin(attempt: Omit<Attempt, 'answer'>): Attempt {
    const begun: Attempt = { ...attempt, answer: 'unknown' };
    this.attempts.push(begun);
    return begun;
  }

  /** Checks everything that was ever answered. @throws Violation */
  check(log: readonly StoredEvent[]): void {
    const byRequest = grouped(log, ({ metadata }) => metadata.requestId);
    for (const { answer, requestId, request } of this.attempts) {
      if (answer === 'unknown') continue;
      const what = `${request.kind} ${requestId}`;
      if (answer.kind === 'accepted') checkAnswer(answer, log, what);
      else mustHold(!byRequest.has(requestId), `${what}: what was refused was not recorded`);
    }
    const keyed = this.attempts.filter(({ identity }) => identity !== null);
    for (const attempts of grouped(keyed, ({ identity }) => identity!).values()) {
      checkKey(attempts, byRequest, this.isShared);
    }
    for (const attempt of this.attempts) checkCharge(attempt, this.attempts, byRequest);
  }
}

/** What an answer says was recorded is in the log where it says, word for word. @throws Violation */
export function checkAnswer(answer: Accepted, log: readonly StoredEvent[], what: string): void {
  const { events, position, secret } = answer;
  const end = Number(position);
  mustHold(end <= log.length, `${what}: what was acknowledged is in the log`);
  if (!events || events.length === 0) return;
  const recorded = log.slice(end - events.length, end).map(({ payload }) => payload);
  mustHold(isSameFact(recorded, events), `${what}: what was acknowledged stays as it was told`);
  if (!secret) return;
  const digests = recorded.map((event) => {
    if (event.type === 'PersonalTokenIssued') return event.digest;
    return 'secret' in event ? event.secret.digest : null;
  });
  mustHold(
    digests.includes(secret.digest),
    `${what}: the secret of the answer is the recorded one`,
  );
}

/** An idempotency key makes one thing, and every answer to it names that thing. */
function checkKey(
  attempts: readonly Attempt[],
  byRequest: ReadonlyMap<string, readonly StoredEvent[]>,
  isShared: boolean,
): void {
  const { request, identity } = attempts[0]!;
  const makers = attempts.filter(({ requestId }) => byRequest.has(requestId));
  if (request.kind === 'consume') {
    const charges = makers.flatMap(({ requestId }) => byRequest.get(requestId)!);
    mustHold(areApart(charges, isShared), `${identity}: an idempotency key is charged once`);
  } else mustHold(makers.length <= 1, `${identity}: an idempotency key makes one thing`);
  const told = attempts
    .filter(({ answer }) => answer !== 'unknown' && answer.kind === 'accepted' && says(answer))
    .map(({ answer, request: { ...body } }) => ({ answer: answer as Accepted, body }));
  if (makers.length > 1 || told.length === 0) return;
  const [first] = told;
  for (const { answer, body } of told) {
    mustHold(isSameFact(body, first!.body), `${identity}: a key is good for one body`);
    mustHold(sameThing(answer, first!.answer), `${identity}: a repeat gets the first answer`);
  }
}

/** An answer that made nothing is not remembered, so the next one under its key may well differ. */
function says({ events, charge }: Accepted): boolean {
  return charge !== null || (events !== null && events.length > 0);
}

function sameThing(a: Accepted, b: Accepted): boolean {
  if (a.charge && b.charge) return isSameFact(a.charge, b.charge);
  return (
    a.position === b.position &&
    a.tokenId === b.tokenId &&
    a.secret?.reveal() === b.secret?.reveal() &&
    isSameFact(a.events, b.events)
  );
}

/** Acknowledged charges are recorded, each by itself, with the total that was answered. */
function checkCharge(
  { answer, request, requestId, identity }: Attempt,
  attempts: readonly Attempt[],
  byRequest: ReadonlyMap<string, readonly StoredEvent[]>,
): void {
  if (request.kind !== 'consume' || answer === 'unknown' || answer.kind !== 'accepted') return;
  const same = identity === null ? [] : attempts.filter((each) => each.identity === identity);
  const requestIds = new Set([requestId, ...same.map((each) => each.requestId)]);
  const facts = [...requestIds].flatMap((id) => byRequest.get(id) ?? []);
  const found = facts.some(({ payload }) => {
    if (payload.type !== 'QuotaConsumed') return false;
    const { cost, consumedAfter } = payload;
    return cost === answer.charge?.cost && consumedAfter === answer.charge.consumed;
  });
  mustHold(found, `consume ${requestId}: an acknowledged charge is recorded as it was told`);
}

/**
 * A key is remembered for a day, so charges further apart are two requests. Nodes whose clocks show different
 * windows at the same moment charge to different streams, and so may each charge the key once.
 */
function areApart(charges: readonly StoredEvent[], isShared: boolean): boolean {
  return charges.every((charge, index) =>
    charges.slice(index + 1).every((other) => {
      const apartMs = Math.abs(Date.parse(charge.occurredAt) - Date.parse(other.occurredAt));
      return apartMs >= KEY_REMEMBERED_MS || (isShared && windowOf(charge) !== windowOf(other));
    }),
  );
}

function windowOf({ payload }: StoredEvent): string {
  return payload.type === 'QuotaConsumed' ? payload.window : '';
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
