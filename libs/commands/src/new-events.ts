import { hash } from 'node:crypto';
import type { LedgerEvent, OrgId } from '@ledger/domain';
import type { EventMetadata, NewEvent, Revision } from '@ledger/event-store';
import { principalId, type CommandContext } from './command-context.js';
import { uuid, type RequestIdentity } from './request-identity.js';

interface Provenance {
  readonly identity: Pick<RequestIdentity, 'commandId' | 'fingerprint'>;
  readonly context: CommandContext;
  readonly orgId: OrgId | null;
  /** Only of streams that record it. */
  readonly foldFrom?: Revision;
}

/**
 * Wraps facts for the store: event ids follow from the command's, so a repeated append is recognised.
 *
 * A command that may be repeated can reach the store from two nodes at once. Its ids follow from the
 * facts too, so that only the very same facts count as written before: whoever decided otherwise, if
 * only a millisecond later, meets a conflict and then the first outcome.
 */
export function toNewEvents<Event extends LedgerEvent>(
  events: readonly Event[],
  { identity, context, orgId, foldFrom }: Provenance,
): readonly NewEvent<Event>[] {
  const { commandId, fingerprint } = identity;
  const metadata: EventMetadata = {
    commandId,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    requestId: context.requestId,
    correlationId: context.correlationId,
    causationId: null,
    actor: {
      kind: context.principal.kind,
      id: principalId(context.principal),
      ...(context.ip === undefined ? {} : { ip: context.ip }),
      ...(context.userAgent === undefined ? {} : { userAgent: context.userAgent }),
    },
    orgId,
    dialect: context.dialect,
    ...(foldFrom === undefined ? {} : { foldFrom }),
  };
  return events.map((payload, index) => ({
    eventId: eventIdOf(commandId, index, fingerprint === undefined ? '' : JSON.stringify(payload)),
    payload,
    metadata,
  }));
}

function eventIdOf(commandId: string, index: number, content: string): string {
  if (index === 0 && content === '') return commandId;
  return uuid(hash('sha256', `${commandId}.${index}.${content}`, 'buffer'));
}
