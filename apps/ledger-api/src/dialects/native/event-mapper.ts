import type { LedgerEvent } from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';

/** One fact of a token's history, as the native API shows it. */
export interface EventView {
  readonly id: string;
  readonly position: string;
  readonly revision: number;
  readonly type: string;
  readonly occurredAt: string;
  readonly actor: { readonly kind: string; readonly id: string };
  readonly dialect: string;
  readonly requestId: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function eventView(stored: StoredEvent): EventView {
  const { eventId: id, position, revision, occurredAt, payload, metadata } = stored;
  const { actor, dialect, requestId } = metadata;
  return {
    ...{ id, position: String(position), revision, type: payload.type, occurredAt },
    actor: { kind: actor.kind, id: actor.id },
    ...{ dialect, requestId, data: dataOf(payload) },
  };
}

/** What the fact says, beside who and when. A secret appears by its name and preview. */
function dataOf(event: LedgerEvent): Readonly<Record<string, unknown>> {
  const { type: _type, occurredAt: _occurredAt, ...data } = event;
  if (!('secret' in data)) return data;
  const { secretId: id, preview } = data.secret;
  return { ...data, secret: { id, preview } };
}
