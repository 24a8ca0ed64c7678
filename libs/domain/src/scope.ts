/** What a bearer may do: words joined by `:`. A scope grants the scopes below it: `repo` grants `repo:list`. */
export type Scope = string;

/** The scopes that one dialect knows. Without `closed`, any well-formed scope is one (native). */
export interface ScopeCatalogue {
  readonly closed?: readonly Scope[];
}

/** Scopes that act on the ledger itself. `*` does not grant them: they are held by name only. */
const LEDGER_PREFIX = 'ledger:';

/** Whether one held scope grants `wanted`. `repo` does not grant `repo-label`, nor `repo:list` `repo`. */
function grantsOne(held: Scope, wanted: Scope): boolean {
  if (held === wanted) return true;
  if (held === '*') return wanted !== 'ledger' && !wanted.startsWith(LEDGER_PREFIX);
  return wanted.startsWith(held) && wanted[held.length] === ':';
}

/** Whether any of the held scopes grants `wanted`: the check of a route or of a verification. */
export function grants(held: readonly Scope[], wanted: Scope): boolean {
  return held.some((scope) => grantsOne(scope, wanted));
}

/** The wanted scopes that are not granted, in the order asked for; empty when all are. */
export function missingScopes(held: readonly Scope[], wanted: readonly Scope[]): readonly Scope[] {
  return wanted.filter((scope) => !grants(held, scope));
}

/**
 * The requested scopes that a holder may not hand on: the subset rule (requirement A5).
 *
 * In a closed catalogue a parent is the set of its children, so who holds every child may hand on the parent.
 * `*` is handed on by holders of `*` alone, since it also covers what the catalogue will name tomorrow.
 */
export function scopesNotHeld(
  held: readonly Scope[],
  requested: readonly Scope[],
  { closed }: ScopeCatalogue,
): readonly Scope[] {
  return requested.filter((scope) => {
    if (grants(held, scope)) return false;
    if (scope === '*') return true;
    const children = closed?.filter((candidate) => candidate.startsWith(`${scope}:`)) ?? [];
    return children.length === 0 || !children.every((child) => grants(held, child));
  });
}

const NATIVE_SCOPE = /^(\*|[a-z0-9][a-z0-9._-]*(:[a-z0-9][a-z0-9._-]*)*)$/;
const NATIVE_SCOPE_LENGTH_MAX = 64;

/** Whether the text is a scope of the native dialect: an organization's own words, at most 64 characters. */
export function isNativeScope(text: string): boolean {
  return text.length <= NATIVE_SCOPE_LENGTH_MAX && NATIVE_SCOPE.test(text);
}

/** Scopes once each, in the order of first appearance. */
export function distinctScopes(scopes: readonly Scope[]): readonly Scope[] {
  return [...new Set(scopes)];
}
