import { hash } from 'node:crypto';
import type { EncodedEvent } from '../../codec/event-codec.js';
import type { Revision } from '../../event-store.js';

/** All of an event that its hash vouches for. Its position follows from its place in the chain. */
export interface ChainedEvent extends EncodedEvent {
  readonly streamId: string;
  readonly revision: Revision;
}

/** SHA-256 in lower-case hex. */
export type ChainHash = string;

/** What the chain of a ledger starts from. No event can be carried over from another ledger. */
export function genesisHash(ledgerId: string): ChainHash {
  return hash('sha256', `token-ledger:chain:v1:${ledgerId}`, 'hex');
}

/**
 * The hash of an event, which covers every event before it: SHA-256 over the previous hash in hex, then each
 * field as `<bytes in UTF-8>:<text>`. The lengths keep text from moving between fields unnoticed.
 */
export function nextHash(previous: ChainHash, event: ChainedEvent): ChainHash {
  const { streamId, revision, eventId, type, schemaVersion, occurredAt, data, metadata } = event;
  const text =
    previous +
    prefixed(streamId) +
    prefixed(String(revision)) +
    prefixed(eventId) +
    prefixed(type) +
    prefixed(String(schemaVersion)) +
    prefixed(occurredAt) +
    prefixed(data) +
    prefixed(metadata);
  return hash('sha256', text, 'hex');
}

function prefixed(field: string): string {
  return `${Buffer.byteLength(field)}:${field}`;
}
