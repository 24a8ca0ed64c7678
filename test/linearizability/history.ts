/** What a client asked of one token, and what it was told. */
export type Operation =
  | { readonly kind: 'rotate'; readonly outcome: 'refused' | { readonly secret: string } }
  | { readonly kind: 'revoke'; readonly outcome: 'done' }
  | {
      readonly kind: 'consume';
      readonly outcome: 'revoked' | 'exceeded' | { readonly remaining: number };
    }
  | {
      readonly kind: 'verify';
      readonly secret: string;
      readonly outcome: 'VALID' | 'ROTATED' | 'REVOKED';
    };

/** One call: when it was made and when it was answered, on one clock that counts both. */
export interface Call {
  readonly operation: Operation;
  readonly calledAt: number;
  readonly answeredAt: number;
}

/** What a token is, as far as these operations can tell. */
interface State {
  readonly current: string;
  readonly revoked: boolean;
  readonly remaining: number;
}

/**
 * What the state is after an operation that was answered as it was; undefined when it cannot have been
 * answered so in this state. Written from the API's documentation.
 */
function step(state: State, operation: Operation): State | undefined {
  const { current, revoked, remaining } = state;
  switch (operation.kind) {
    case 'rotate':
      if (operation.outcome === 'refused') return revoked ? state : undefined;
      return revoked ? undefined : { ...state, current: operation.outcome.secret };
    case 'revoke':
      return { ...state, revoked: true };
    case 'consume':
      if (operation.outcome === 'revoked') return revoked ? state : undefined;
      if (revoked) return undefined;
      if (operation.outcome === 'exceeded') return remaining === 0 ? state : undefined;
      return operation.outcome.remaining === remaining - 1
        ? { ...state, remaining: remaining - 1 }
        : undefined;
    case 'verify': {
      const verdict = revoked ? 'REVOKED' : operation.secret === current ? 'VALID' : 'ROTATED';
      return operation.outcome === verdict ? state : undefined;
    }
  }
}

/**
 * Whether there is an order of the calls, each between its question and its answer, in which a single token
 * would have answered all of them so: the algorithm of Wing and Gong, with Lowe's memory of what was tried.
 */
export function isLinearizable(
  history: readonly Call[],
  first: { readonly secret: string; readonly quota: number },
): boolean {
  const calls = [...history].sort((a, b) => a.calledAt - b.calledAt);
  const tried = new Set<string>();
  const all = (1n << BigInt(calls.length)) - 1n;

  const search = (done: bigint, state: State): boolean => {
    if (done === all) return true;
    const key = `${done.toString(36)} ${state.current} ${state.revoked} ${state.remaining}`;
    if (tried.has(key)) return false;
    tried.add(key);
    const open = calls.filter((_call, index) => (done & (1n << BigInt(index))) === 0n);
    // Whatever was called after some other open call was answered comes after that call.
    const earliestAnswer = Math.min(...open.map(({ answeredAt }) => answeredAt));
    for (const call of open) {
      if (call.calledAt > earliestAnswer) break;
      const next = step(state, call.operation);
      const bit = 1n << BigInt(calls.indexOf(call));
      if (next && search(done | bit, next)) return true;
    }
    return false;
  };
  return search(0n, { current: first.secret, revoked: false, remaining: first.quota });
}
