import { createHash } from 'node:crypto';
import type { NewEvent } from '@ledger/event-store';
import { sampleCharge, sampleMetadata } from '@ledger/event-store/testing';

export const WRITERS = 4;

/** The events of one step of one writer: the same ids in whichever process they are made. */
export function eventsOf(writer: number, step: number): readonly NewEvent[] {
  return Array.from({ length: 1 + (step % 3) }, (_, index) => ({
    eventId: idOf(`${writer}.${step}.${index}`),
    payload: sampleCharge(step + 1),
    metadata: sampleMetadata({ commandId: idOf(`${writer}.${step}`) }),
  }));
}

function idOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
    .concat(hex.slice(20, 32))
    .join('-');
}
