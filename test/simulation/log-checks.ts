import type { QuotaConsumed } from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';
import type { LedgerModel } from './ledger-model.js';
import { mustHold } from './violation.js';

/** Facts that are reported about a token, by whoever verifies it; not administered in anybody's name. */
const REPORTED = ['QuotaConsumed', 'TokenUsed'];

/** Checks one fact against everything that was recorded before it. @throws Violation */
export function checkFact(before: LedgerModel, fact: StoredEvent): void {
  checkPlace(before, fact);
  if (!REPORTED.includes(fact.payload.type)) checkActor(before, fact);
  checkToken(before, fact);
  if (fact.payload.type === 'QuotaConsumed') checkCharge(before, fact.payload);
}

function checkPlace(before: LedgerModel, fact: StoredEvent): void {
  const { streamId, revision, position, occurredAt, eventId } = fact;
  const stream = before.streams.get(streamId) ?? { revision: 0, lastAt: '' };
  const where = `${fact.payload.type} at position ${position}`;
  mustHold(revision === stream.revision + 1, `${where}: revisions of a stream have no gap`);
  mustHold(position === BigInt(before.length) + 1n, `${where}: positions have no gap`);
  mustHold(occurredAt >= stream.lastAt, `${where}: times in a stream never decrease`);
  mustHold(!before.eventIds.has(eventId), `${where}: an event is recorded once`);
}

/** Nothing is done in the name of who is no longer there, at any later position. */
function checkActor(before: LedgerModel, { payload, metadata, position }: StoredEvent): void {
  const { actor, orgId } = metadata;
  const what = `${payload.type} at position ${position}`;
  if (actor.kind === 'org_token') {
    const token = before.tokens.get(actor.id);
    mustHold(token?.isRevoked === false, `${what}: by a token that was revoked before`);
    mustHold(token.orgId === orgId, `${what}: by a token of another organization`);
  }
  if (actor.kind !== 'user') return;
  const user = before.users.get(actor.id);
  const isLive = [...(user?.personal.values() ?? [])].some(({ isRevoked }) => !isRevoked);
  mustHold(isLive, `${what}: by a user whose last personal token was revoked before`);
  if (orgId === null) return;
  const role = before.roleOf(orgId, actor.id);
  mustHold(role !== undefined, `${what}: by a user who had left the organization before`);
  if (role === 'admin' || !('tokenId' in payload)) return;
  const token = before.tokens.get(payload.tokenId);
  mustHold(token?.creatingUser === actor.id, `${what}: by a member, about another one's token`);
}

function checkToken(
  before: LedgerModel,
  { payload: event, streamId, position }: StoredEvent,
): void {
  if (!streamId.startsWith('token-') || !('tokenId' in event)) return;
  const what = `${event.type} at position ${position}`;
  const token = before.tokens.get(event.tokenId);
  if (event.type === 'TokenCreated') {
    return mustHold(token === undefined, `${what}: a token is created once`);
  }
  mustHold(token !== undefined, `${what}: of a token that was never created`);
  mustHold(!token.isRevoked, `${what}: nothing follows a revocation`);
  if (event.type !== 'TokenRotated') return;
  const current = token.secrets.at(-1)!;
  mustHold(event.fromSecretId === current.secretId, `${what}: replaces the current secret`);
  const { previousValidUntil } = event;
  if (previousValidUntil === null || token.expiresAt === null) return;
  mustHold(previousValidUntil <= token.expiresAt, `${what}: a grace outlives the token`);
}

function checkCharge(before: LedgerModel, event: QuotaConsumed): void {
  const { subjectId, window, cost, consumedAfter, limit, occurredAt } = event;
  const token = before.tokens.get(subjectId);
  mustHold(token !== undefined, 'a charge is made to a token that exists');
  mustHold(!token.isRevoked, 'nothing is charged to a token after its revocation');
  mustHold(
    limit === token.maxQuota,
    'a charge is judged by the limit in force when it is recorded',
  );
  const total = (before.spent.get(`${subjectId} ${window}`) ?? 0) + cost;
  mustHold(consumedAfter === total, 'the running total of a charge is the sum of all charges');
  mustHold(limit === null || total <= limit, 'no more is consumed than the limit allows');
  mustHold(occurredAt.startsWith(window), 'a charge is counted in the window of its time');
}
