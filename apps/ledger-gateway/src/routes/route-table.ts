import type { Requirement } from '@ledger/gateway-cache';

/** What is demanded of calls to some paths: a token, or nothing. */
export type RouteRule = { readonly access: 'public' } | RuleOfToken;

export interface RuleOfToken {
  readonly access: 'token';
  readonly required: Requirement;
}

export interface Route {
  /** Upper case; null for every method. */
  readonly methods: ReadonlySet<string> | null;
  /** Parts between slashes: a name, `*` for any one, `**` in the last place for whatever follows. */
  readonly pattern: string;
  readonly rule: RouteRule;
}

interface CompiledRoute extends Route {
  readonly segments: readonly string[];
  readonly isLiteral: boolean;
  readonly isOpen: boolean;
}

/** Routes in the order of the file: the first that fits decides. Whatever fits none is refused. */
export class RouteTable {
  readonly #routes: readonly CompiledRoute[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => {
      const segments = route.pattern.slice(1).split('/');
      const isOpen = segments.at(-1) === '**';
      const named = isOpen ? segments.slice(0, -1) : segments;
      return { ...route, segments: named, isOpen, isLiteral: !isOpen && !named.includes('*') };
    });
  }

  /** @param path As `readPath` gives it. */
  find(method: string, path: string): RouteRule | undefined {
    let segments: readonly string[] | undefined;
    for (const route of this.#routes) {
      if (route.methods && !route.methods.has(method)) continue;
      if (route.isLiteral) {
        if (route.pattern === path) return route.rule;
        continue;
      }
      segments ??= path.slice(1).split('/');
      if (fits(route, segments)) return route.rule;
    }
    return undefined;
  }
}

function fits({ segments: pattern, isOpen }: CompiledRoute, segments: readonly string[]): boolean {
  if (isOpen ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  for (let index = 0; index < pattern.length; index += 1) {
    const wanted = pattern[index]!;
    const given = segments[index]!;
    if (wanted === '*' ? given === '' : wanted !== given) return false;
  }
  return true;
}
