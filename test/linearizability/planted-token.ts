import type { Operation } from './history.js';
import type { TokenCalls } from './clients.js';

/** Mistakes that a ledger could make between its clients. */
export type Plant =
  | 'verdicts are remembered over a change'
  | 'charges are decided before and written after a wait'
  | 'a rotation is answered before it takes effect'
  | 'a revocation is answered before it takes effect';

/** A token in memory that answers rightly, each call at some instant between question and answer; or not. */
export class PlantedToken implements TokenCalls {
  #current: string;
  #revoked = false;
  #count = 0;
  readonly #remembered = new Map<string, Operation>();

  constructor(
    readonly secret: string,
    private remaining: number,
    private readonly pause: () => Promise<void>,
    private readonly plant: Plant | null = null,
  ) {
    this.#current = secret;
  }

  async rotate(): Promise<Operation> {
    await this.pause();
    if (this.#revoked) return { kind: 'rotate', outcome: 'refused' };
    const secret = `secret-${(this.#count += 1)}`;
    const takeEffect = (): void => void (this.#current = secret);
    if (this.plant === 'a rotation is answered before it takes effect')
      void this.#later(takeEffect);
    else takeEffect();
    await this.pause();
    return { kind: 'rotate', outcome: { secret } };
  }

  async revoke(): Promise<Operation> {
    await this.pause();
    const takeEffect = (): void => void (this.#revoked = true);
    if (this.plant === 'a revocation is answered before it takes effect')
      void this.#later(takeEffect);
    else takeEffect();
    return { kind: 'revoke', outcome: 'done' };
  }

  async consume(): Promise<Operation> {
    await this.pause();
    if (this.#revoked) return { kind: 'consume', outcome: 'revoked' };
    if (this.remaining === 0) return { kind: 'consume', outcome: 'exceeded' };
    const remaining = this.remaining - 1;
    if (this.plant === 'charges are decided before and written after a wait') await this.pause();
    this.remaining = remaining;
    return { kind: 'consume', outcome: { remaining } };
  }

  async verify(secret: string): Promise<Operation> {
    const known = this.#remembered.get(secret);
    if (known && this.plant === 'verdicts are remembered over a change') return known;
    await this.pause();
    const outcome = this.#revoked ? 'REVOKED' : secret === this.#current ? 'VALID' : 'ROTATED';
    const operation: Operation = { kind: 'verify', secret, outcome };
    this.#remembered.set(secret, operation);
    await this.pause();
    return operation;
  }

  async #later(takeEffect: () => void): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await this.pause();
    takeEffect();
  }
}
