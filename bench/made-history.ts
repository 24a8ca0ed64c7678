import { hash, randomUUID } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { mintSecret } from '@ledger/commands';
import {
  timestamp,
  windowEnd,
  windowOf,
  type LedgerEvent,
  type OrgId,
  type SecretId,
  type TokenId,
} from '@ledger/domain';
import { StoreUnavailable, type EventMetadata, type EventStore } from '@ledger/event-store';
import { createDirectory, DEMO_TENANT, openDirectory, type Ledger } from '@ledger/runtime';
import { ADMIN } from './service.js';

/** The n-th token of every made history: the same ids and the same secret each time. */
export interface MadeToken {
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
  readonly secret: string;
}

export interface HistorySize {
  readonly tokens: number;
  /** Charges of one unit, to each token in turn. */
  readonly charges: number;
}

const IN_FLIGHT = 1_000;
const SETTINGS = { windowLength: 'month', retryWindowMs: 0 } as const;

/**
 * Makes a ledger with tokens of the organization `demo` and charges to them, written as events; or finds
 * the one that an earlier run left in the temporary directory.
 *
 * @returns The data directory.
 */
export async function historyOf({ tokens, charges }: HistorySize): Promise<string> {
  const directory = join(tmpdir(), `ledger-bench-history-${tokens}-${charges}`);
  if (existsSync(directory)) return directory;
  process.stderr.write(`making ${tokens} tokens and ${charges} charges in ${directory}\n`);
  const draft = `${directory}-draft`;
  rmSync(draft, { recursive: true, force: true });
  const tenant = { ...DEMO_TENANT, personalToken: ADMIN };
  const { orgId } = await createDirectory(draft, tenant, SETTINGS.windowLength);
  const ledger = await openDirectory(draft, SETTINGS);
  await inParallel(tokens, (index) => issue(ledger.store, orgId, index));
  // A token's charges follow each other, so a round over all tokens ends before the next begins.
  for (let round = 0; round * tokens < charges; round += 1) {
    await inParallel(Math.min(tokens, charges - round * tokens), (index) => {
      return charge(ledger.store, orgId, madeToken(index), round);
    });
  }
  await ledger.close();
  renameSync(draft, directory);
  return directory;
}

/** Opens a ledger of this benchmark. */
export function openHistory(directory: string): Promise<Ledger> {
  return openDirectory(directory, SETTINGS);
}

/** Makes an empty ledger with one token, and opens it. */
export async function openWithOneToken(
  directory: string,
): Promise<{ readonly ledger: Ledger; readonly orgId: OrgId; readonly token: MadeToken }> {
  const data = join(directory, 'data');
  const { orgId } = await createDirectory(data, DEMO_TENANT, SETTINGS.windowLength);
  const ledger = await openHistory(data);
  await issue(ledger.store, orgId, 0);
  await ledger.projector.caughtUp();
  return { ledger, orgId, token: madeToken(0) };
}

export function madeToken(index: number): MadeToken {
  const secret = mintSecret('native', { seed: hash('sha256', `secret ${index}`, 'buffer') });
  return {
    tokenId: uuidOf('b', index) as TokenId,
    secretId: uuidOf('d', index) as SecretId,
    secret: secret.reveal(),
  };
}

function uuidOf(kind: string, index: number): string {
  return `${kind.padEnd(8, '0')}-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

/** The first token may verify the others. */
async function issue(store: EventStore, orgId: OrgId, index: number): Promise<void> {
  const { tokenId, secretId, secret: plaintext } = madeToken(index);
  const secret = mintSecret('native', { seed: hash('sha256', `secret ${index}`, 'buffer') });
  const payload: LedgerEvent = {
    type: 'TokenCreated',
    ...{ tokenId, orgId, dialect: 'native', name: `token ${index}`, description: '' },
    scopes: [index === 0 ? 'ledger:tokens:verify' : 'invoices'],
    ...{ resources: [], maxQuota: null, visibility: 'organization', committer: null },
    ...{ ownerId: null, metadata: {}, expiresAt: null },
    secret: { secretId, digest: secret.digest, preview: `tl_****${plaintext.slice(-4)}` },
    createdBy: { kind: 'system', id: 'system' },
    createdByUserId: null,
    occurredAt: timestamp(Date.now()),
  };
  await append(store, `token-${tokenId}`, 0, payload, orgId);
}

async function charge(
  store: EventStore,
  orgId: OrgId,
  { tokenId: subjectId, secretId }: MadeToken,
  before: number,
): Promise<void> {
  const now = timestamp(Date.now());
  const window = windowOf(now, SETTINGS.windowLength);
  const payload: LedgerEvent = {
    type: 'QuotaConsumed',
    ...{ subjectId, orgId, secretId, window, cost: 1, operation: 'GET /invoices' },
    windowEnd: windowEnd(now, SETTINGS.windowLength),
    consumedAfter: before + 1,
    limit: null,
    occurredAt: now,
  };
  await append(store, `quota-${subjectId}-${window}`, before, payload, orgId);
}

async function append(
  store: EventStore,
  streamId: string,
  revision: number,
  payload: LedgerEvent,
  orgId: OrgId,
): Promise<void> {
  const event = madeEvent(payload, orgId);
  for (;;) {
    try {
      const appended = await store.append(streamId, revision, [event]);
      if (appended.outcome === 'conflict') throw new Error(`${streamId} moved while it was made`);
      return;
    } catch (error) {
      // On a busy machine the writer falls behind; the same event again is written once.
      if (!(error instanceof StoreUnavailable)) throw error;
      await setTimeout(100);
    }
  }
}

/** An event as a command of the ledger itself would leave it. */
export function madeEvent(payload: LedgerEvent, orgId: OrgId) {
  const eventId = randomUUID();
  const metadata: EventMetadata = {
    ...{ commandId: eventId, requestId: eventId, correlationId: eventId, causationId: null },
    ...{ actor: { kind: 'system', id: 'system' }, orgId, dialect: 'native' },
  };
  return { eventId, payload, metadata };
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < count; start += IN_FLIGHT) {
    const size = Math.min(IN_FLIGHT, count - start);
    await Promise.all(Array.from({ length: size }, (_, index) => work(start + index)));
  }
}
