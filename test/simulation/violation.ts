/** A promise of the ledger that did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** @throws Violation When `condition` does not hold. */
export function mustHold(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Violation(promise);
}
