import { MESSAGE_TYPES, type LedgerPositionMark } from '@ledger/publishing';

/** Next offsets, by topic type and partition. */
export type NextOffsets = Map<string, bigint>;

export function partitionKey(type: string, partition: number | string): string {
  return `${type}/${partition}`;
}

/** A mark as numbers. */
export interface Mark {
  readonly position: bigint;
  readonly offsets: NextOffsets;
}

export function markOf({ position, offsets = {} }: LedgerPositionMark): Mark {
  const next: NextOffsets = new Map();
  for (const type of MESSAGE_TYPES) {
    for (const [partition, offset] of Object.entries(offsets[type] ?? {})) {
      next.set(partitionKey(type, partition), BigInt(offset));
    }
  }
  return { position: BigInt(position), offsets: next };
}

/** Whether every partition of `wanted` has come at least as far in `reached`. */
export function covers(reached: NextOffsets, wanted: NextOffsets): boolean {
  for (const [partition, offset] of wanted) {
    if (offset > (reached.get(partition) ?? 0n)) return false;
  }
  return true;
}
